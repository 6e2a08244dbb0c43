CREATE TABLE asked_views (
    view_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    recording_id BLOB NOT NULL,
    person_id BLOB NOT NULL,
    entry INTEGER NOT NULL,
    asked_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    answer TEXT,
    answered_by BLOB,
    answered_at INTEGER
) STRICT;
CREATE INDEX asked_views_person ON asked_views (recording_id, person_id, asked_at);
CREATE INDEX asked_views_organisation ON asked_views (organisation_id, asked_at);
