CREATE TABLE previews (
    preview_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    recording_id BLOB NOT NULL,
    track_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    cover INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    key_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    picture BLOB NOT NULL
) STRICT;
CREATE INDEX previews_of_recording ON previews (recording_id, cover, at_us);
CREATE INDEX previews_of_track ON previews (track_id);
CREATE INDEX previews_of_organisation ON previews (organisation_id);

CREATE TABLE preview_work (
    recording_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    stage INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    why TEXT
) STRICT;
CREATE INDEX preview_work_due ON preview_work (stage, next_at);
CREATE INDEX preview_work_of_organisation ON preview_work (organisation_id);
