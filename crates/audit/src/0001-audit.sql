CREATE TABLE audit_heads (
    organisation_id BLOB NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE audit_entries (
    organisation_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    class_uid INTEGER NOT NULL,
    activity_id INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    rule TEXT NOT NULL,
    actor_kind INTEGER NOT NULL,
    actor BLOB NOT NULL,
    object_kind TEXT NOT NULL,
    object BLOB NOT NULL,
    request_id TEXT NOT NULL,
    salt BLOB NOT NULL,
    personal BLOB,
    previous_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (organisation_id, number)
) STRICT;
CREATE INDEX audit_by_object ON audit_entries (organisation_id, object, number);
CREATE INDEX audit_by_actor ON audit_entries (organisation_id, actor, number);
