CREATE TABLE pictures (
    person_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (organisation_id),
    version INTEGER NOT NULL,
    large BLOB,
    small BLOB
) STRICT;
