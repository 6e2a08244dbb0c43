CREATE TABLE damage (
    track_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    organisation_id BLOB NOT NULL,
    recording_id BLOB NOT NULL,
    object TEXT NOT NULL,
    fault TEXT NOT NULL,
    since INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    PRIMARY KEY (track_id, sequence)
) STRICT;
CREATE INDEX damage_of_organisation ON damage (organisation_id, since);
CREATE INDEX damage_by_object ON damage (object);

CREATE TABLE scrubbing (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    node BLOB NOT NULL,
    held_until INTEGER NOT NULL,
    began_at INTEGER NOT NULL,
    ended_at INTEGER,
    after_track BLOB,
    after_part INTEGER,
    bytes_read INTEGER NOT NULL,
    bytes_last INTEGER NOT NULL
) STRICT;

CREATE INDEX subjects_by_key ON subjects (key_id);
