CREATE TABLE outbox (
    mail_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    person_id BLOB NOT NULL,
    mail BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at);
CREATE INDEX outbox_person ON outbox (person_id);
