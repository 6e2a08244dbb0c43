CREATE TABLE setting_heads (
    organisation_id BLOB NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    mark BLOB NOT NULL
) STRICT;

CREATE TABLE setting_versions (
    organisation_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    mark BLOB NOT NULL,
    level INTEGER NOT NULL,
    node BLOB NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    reason BLOB,
    set_by BLOB NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, version)
) STRICT;
CREATE INDEX setting_versions_by_name ON setting_versions (organisation_id, name, version);
