ALTER TABLE tracks ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;

CREATE TABLE parts (
    track_id BLOB NOT NULL REFERENCES tracks (track_id),
    part INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    key_id BLOB NOT NULL,
    object TEXT NOT NULL UNIQUE,
    object_bytes INTEGER NOT NULL,
    manifest_bytes INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    base_sequence INTEGER,
    last_received_at INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    facts BLOB NOT NULL,
    proofs BLOB NOT NULL,
    PRIMARY KEY (track_id, part)
) STRICT;
CREATE INDEX parts_received ON parts (last_received_at);

CREATE TABLE part_claims (
    track_id BLOB NOT NULL PRIMARY KEY REFERENCES tracks (track_id),
    part INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    object TEXT NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    claimed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE spent_objects (
    object TEXT NOT NULL PRIMARY KEY,
    spent_at INTEGER NOT NULL
) STRICT;

CREATE INDEX segments_by_object ON segments (object);
