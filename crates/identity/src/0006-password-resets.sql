CREATE TABLE password_resets (
    token_hash BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX password_resets_of_person ON password_resets (person_id);
