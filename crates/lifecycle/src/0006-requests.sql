CREATE TABLE requests (
    request_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    subject_id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    asked_by BLOB NOT NULL,
    asked_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    asked BLOB,
    extended_by BLOB,
    extended_at INTEGER,
    extension BLOB,
    decided_by BLOB,
    decided_at INTEGER,
    answer BLOB,
    available_until INTEGER,
    erasure_id BLOB
) STRICT;
CREATE INDEX requests_by_date ON requests (organisation_id, state, due_at, request_id);
CREATE INDEX requests_of_subject ON requests (subject_id, request_id);
