-- Whoever makes a standing key has its row until it is committed.
CREATE TABLE standing_turns (
    purpose INTEGER NOT NULL PRIMARY KEY
) STRICT;

-- What the object that names the store says: two directories with one path are two stores.
ALTER TABLE object_places ADD COLUMN store BLOB;
