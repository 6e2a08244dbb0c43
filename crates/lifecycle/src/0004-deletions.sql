CREATE TABLE deletions (
    recording_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    deleted_by BLOB NOT NULL,
    deleted_at INTEGER NOT NULL,
    restorable_until INTEGER NOT NULL,
    entry INTEGER NOT NULL
) STRICT;
CREATE INDEX deletions_by_end ON deletions (organisation_id, restorable_until, recording_id);
