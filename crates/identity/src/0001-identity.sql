CREATE TABLE credentials (
    person_id BLOB NOT NULL PRIMARY KEY,
    password BLOB NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE address_index (
    mac BLOB NOT NULL,
    person_id BLOB NOT NULL,
    PRIMARY KEY (mac, person_id)
) STRICT;

CREATE TABLE sign_in_links (
    token_hash BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    session_id BLOB NOT NULL PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    person_id BLOB NOT NULL,
    organisation_id BLOB NOT NULL,
    signed_in INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    device BLOB NOT NULL
) STRICT;
CREATE INDEX sessions_of_person ON sessions (person_id);
