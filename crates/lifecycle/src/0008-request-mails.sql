CREATE TABLE request_mails (
    request_id BLOB NOT NULL,
    event INTEGER NOT NULL,
    about_at INTEGER NOT NULL,
    organisation_id BLOB NOT NULL,
    PRIMARY KEY (request_id, event, about_at)
) STRICT;
CREATE INDEX request_mails_organisation ON request_mails (organisation_id);
