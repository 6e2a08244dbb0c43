CREATE TABLE invitations (
    person_id BLOB NOT NULL PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    address_mac BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX invitations_address ON invitations (address_mac);
