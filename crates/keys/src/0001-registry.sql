CREATE TABLE key_pages (
    page_id BLOB NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    shards INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX key_pages_room ON key_pages (shards);

CREATE TABLE key_shards (
    shard_id BLOB NOT NULL PRIMARY KEY,
    organisation BLOB NOT NULL,
    class INTEGER NOT NULL,
    day INTEGER NOT NULL,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    page_id BLOB NOT NULL REFERENCES key_pages (page_id),
    key_rows INTEGER NOT NULL,
    UNIQUE (organisation, class, day, number)
) STRICT;

CREATE TABLE key_rows (
    key_id BLOB NOT NULL PRIMARY KEY,
    organisation BLOB NOT NULL,
    shard_id BLOB NOT NULL REFERENCES key_shards (shard_id),
    shard_version INTEGER NOT NULL,
    parent BLOB,
    purpose INTEGER NOT NULL,
    pins INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX key_rows_shard ON key_rows (shard_id);
CREATE INDEX key_rows_standing ON key_rows (organisation, purpose, made_at);

CREATE TABLE revocations (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    counter INTEGER NOT NULL
) STRICT;
INSERT INTO revocations (one, counter) VALUES (1, 0);
