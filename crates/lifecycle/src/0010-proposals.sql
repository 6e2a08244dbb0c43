CREATE TABLE erasure_proposals (
    proposal_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    target BLOB NOT NULL,
    state INTEGER NOT NULL,
    details BLOB NOT NULL,
    entry INTEGER NOT NULL,
    asked_by BLOB NOT NULL,
    asked_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    alone INTEGER NOT NULL,
    decided_by BLOB,
    decided_at INTEGER,
    request_id BLOB
) STRICT;
CREATE INDEX erasure_proposals_of_organisation ON erasure_proposals (organisation_id, state, proposal_id);
