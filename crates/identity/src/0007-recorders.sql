CREATE TABLE recorder_codes (
    code_hash BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX recorder_codes_of_person ON recorder_codes (person_id);

CREATE TABLE recorders (
    recorder_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    person_id BLOB NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    label BLOB NOT NULL,
    enrolled_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX recorders_of_person ON recorders (person_id);
CREATE INDEX recorders_of_organisation ON recorders (organisation_id);
