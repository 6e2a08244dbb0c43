CREATE TABLE key_pages (
    page_id BLOB NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    shards INTEGER NOT NULL,
    sealed BLOB NOT NULL
) STRICT;
CREATE INDEX key_pages_room ON key_pages (shards);
CREATE INDEX key_pages_epoch ON key_pages (epoch);

CREATE TABLE key_shards (
    shard_id BLOB NOT NULL PRIMARY KEY,
    organisation BLOB NOT NULL,
    class INTEGER NOT NULL,
    day INTEGER NOT NULL,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    page_id BLOB NOT NULL REFERENCES key_pages (page_id),
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
CREATE INDEX key_rows_parent ON key_rows (parent) WHERE parent IS NOT NULL;
CREATE INDEX key_rows_standing ON key_rows (organisation, purpose, made_at);

CREATE TABLE key_tombstones (
    owner BLOB NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL,
    organisation BLOB NOT NULL,
    key_id BLOB NOT NULL,
    laid_at INTEGER NOT NULL
) STRICT;

CREATE TABLE key_epochs (
    epoch INTEGER NOT NULL PRIMARY KEY,
    state INTEGER NOT NULL,
    mark BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    gone_at INTEGER
) STRICT;

CREATE TABLE key_rollover (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    seen_at INTEGER NOT NULL,
    confirmed INTEGER NOT NULL,
    jumped_from INTEGER,
    jumped_to INTEGER,
    backup_floor INTEGER
) STRICT;
INSERT INTO key_rollover (one, seen_at, confirmed) VALUES (1, 0, 0);

CREATE TABLE revocations (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    counter INTEGER NOT NULL
) STRICT;
INSERT INTO revocations (one, counter) VALUES (1, 0);
