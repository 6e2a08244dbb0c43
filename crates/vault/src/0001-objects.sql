CREATE TABLE object_intents (
    object TEXT NOT NULL PRIMARY KEY,
    reserved_at INTEGER NOT NULL
) STRICT;

CREATE TABLE object_places (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    place TEXT NOT NULL
) STRICT;
