CREATE TABLE support_grants (
    grant_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (organisation_id),
    person_id BLOB NOT NULL,
    rights TEXT NOT NULL,
    node TEXT,
    reason BLOB NOT NULL,
    made_by BLOB NOT NULL,
    begins_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by BLOB
) STRICT;
CREATE INDEX support_grants_organisation ON support_grants (organisation_id, begins_at);
CREATE INDEX support_grants_person ON support_grants (person_id);
CREATE INDEX support_grants_maker ON support_grants (made_by);
