CREATE TABLE capture_signers (
    organisation_id BLOB NOT NULL PRIMARY KEY,
    signing_key BLOB NOT NULL,
    policy_key TEXT NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;
