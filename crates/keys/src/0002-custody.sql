CREATE TABLE key_custody (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    shares_at INTEGER,
    shares_root BLOB,
    drill_at INTEGER,
    drill_root BLOB
) STRICT;
INSERT INTO key_custody (one) VALUES (1);

CREATE TABLE key_places (
    place TEXT NOT NULL PRIMARY KEY
) STRICT;
