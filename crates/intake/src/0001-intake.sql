CREATE TABLE capture_policies (
    site_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    rules TEXT NOT NULL,
    signed_by BLOB NOT NULL,
    signed_at INTEGER NOT NULL,
    direction TEXT NOT NULL,
    PRIMARY KEY (site_id, version)
) STRICT;
