ALTER TABLE sessions ADD COLUMN signed_in_by TEXT NOT NULL DEFAULT 'password';
ALTER TABLE sessions ADD COLUMN stepped_up_at INTEGER;

CREATE TABLE second_factors (
    person_id BLOB NOT NULL PRIMARY KEY,
    secret BLOB NOT NULL,
    version INTEGER NOT NULL,
    confirmed_at INTEGER,
    last_step INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    failed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE recovery_codes (
    code_hash BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL
) STRICT;
CREATE INDEX recovery_codes_of_person ON recovery_codes (person_id);

CREATE TABLE pending_sign_ins (
    token_hash BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL,
    signed_in_by TEXT NOT NULL,
    password_version INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pending_sign_ins_of_person ON pending_sign_ins (person_id);

CREATE TABLE api_keys (
    key_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    made_by BLOB NOT NULL,
    name BLOB NOT NULL,
    scopes TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX api_keys_of_organisation ON api_keys (organisation_id, made_at);
CREATE INDEX api_keys_of_maker ON api_keys (made_by);
