CREATE TABLE custom_roles (
    role_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (organisation_id),
    name BLOB NOT NULL,
    version INTEGER NOT NULL,
    rights TEXT NOT NULL,
    made_by BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX custom_roles_organisation ON custom_roles (organisation_id);
CREATE INDEX person_roles_role ON person_roles (role);
