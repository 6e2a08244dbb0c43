CREATE TABLE erasures (
    erasure_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    target BLOB NOT NULL,
    recording_id BLOB,
    from_us INTEGER,
    to_us INTEGER,
    step INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    destroyed_at INTEGER,
    removed_at INTEGER,
    verified_at INTEGER,
    unreadable_since INTEGER,
    waits TEXT,
    tombstones TEXT,
    receipt TEXT
) STRICT;
CREATE INDEX erasures_by_step ON erasures (step, erasure_id);
CREATE INDEX erasures_of_organisation ON erasures (organisation_id, erasure_id);
CREATE INDEX erasures_of_target ON erasures (target);

CREATE TABLE erasure_tracks (
    erasure_id BLOB NOT NULL REFERENCES erasures (erasure_id),
    track_id BLOB NOT NULL,
    recording_id BLOB NOT NULL,
    key_id BLOB NOT NULL,
    new_key BLOB,
    from_sequence INTEGER,
    to_sequence INTEGER,
    PRIMARY KEY (erasure_id, track_id)
) STRICT;

CREATE TABLE erasure_keys (
    erasure_id BLOB NOT NULL REFERENCES erasures (erasure_id),
    key_id BLOB NOT NULL,
    PRIMARY KEY (erasure_id, key_id)
) STRICT;

CREATE TABLE erasure_objects (
    erasure_id BLOB NOT NULL REFERENCES erasures (erasure_id),
    object TEXT NOT NULL,
    shared INTEGER NOT NULL,
    gone_at INTEGER,
    PRIMARY KEY (erasure_id, object)
) STRICT;

CREATE TABLE instance (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL,
    id BLOB NOT NULL,
    next_id BLOB,
    claimed_at INTEGER NOT NULL
) STRICT;
