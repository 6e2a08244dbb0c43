CREATE TABLE holds (
    hold_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    target BLOB NOT NULL,
    state INTEGER NOT NULL,
    details BLOB NOT NULL,
    review_at INTEGER NOT NULL,
    proposed_by BLOB NOT NULL,
    proposed_at INTEGER NOT NULL,
    placed_by BLOB,
    placed_at INTEGER,
    release_by BLOB,
    release_at INTEGER,
    ended_by BLOB,
    ended_at INTEGER,
    alone_until INTEGER
) STRICT;
CREATE INDEX holds_of_organisation ON holds (organisation_id, state, hold_id);

CREATE TABLE hold_keys (
    hold_id BLOB NOT NULL REFERENCES holds (hold_id),
    key_id BLOB NOT NULL,
    PRIMARY KEY (hold_id, key_id)
) STRICT;

CREATE TABLE restrictions (
    recording_id BLOB NOT NULL,
    erasure_id BLOB NOT NULL REFERENCES erasures (erasure_id),
    PRIMARY KEY (recording_id, erasure_id)
) STRICT;
