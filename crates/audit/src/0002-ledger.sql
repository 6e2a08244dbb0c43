CREATE TABLE ledger_leaves (
    leaf INTEGER NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    commitment BLOB NOT NULL,
    UNIQUE (organisation_id, number)
) STRICT;

CREATE TABLE ledger_marks (
    organisation_id BLOB NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;

CREATE TABLE ledger_tiles (
    level INTEGER NOT NULL,
    tile INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, tile)
) STRICT;

CREATE TABLE ledger_head (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    holder BLOB,
    lease_until INTEGER NOT NULL,
    checkpoint TEXT
) STRICT;
INSERT INTO ledger_head (one, size, fence, holder, lease_until, checkpoint) VALUES (1, 0, 0, NULL, 0, NULL);
