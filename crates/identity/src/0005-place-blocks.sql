CREATE TABLE place_blocks (
    block_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    network BLOB,
    device_hash BLOB,
    person_id BLOB,
    reason BLOB NOT NULL,
    set_by BLOB NOT NULL,
    since INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    lifted_by BLOB,
    lift_reason BLOB
) STRICT;
CREATE INDEX place_blocks_organisation ON place_blocks (organisation_id, ends_at);
CREATE INDEX place_blocks_person ON place_blocks (person_id);

ALTER TABLE sessions ADD COLUMN device_hash BLOB;
