CREATE TABLE organisations (
    organisation_id BLOB NOT NULL PRIMARY KEY,
    region TEXT NOT NULL,
    key_id BLOB NOT NULL,
    name BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE projects (
    project_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (organisation_id),
    name BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX projects_organisation ON projects (organisation_id);

CREATE TABLE subjects (
    subject_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (organisation_id),
    key_id BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE people (
    person_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (organisation_id),
    subject_id BLOB NOT NULL REFERENCES subjects (subject_id),
    role TEXT NOT NULL,
    profile BLOB NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX people_organisation ON people (organisation_id);

CREATE TABLE sites (
    site_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL REFERENCES organisations (organisation_id),
    project_id BLOB NOT NULL REFERENCES projects (project_id),
    site_key TEXT NOT NULL UNIQUE,
    details BLOB NOT NULL,
    signing_key BLOB NOT NULL,
    policy_key TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    first_event_at INTEGER,
    last_event_at INTEGER
) STRICT;
CREATE INDEX sites_organisation ON sites (organisation_id);

CREATE TABLE site_origins (
    origin TEXT NOT NULL,
    site_id BLOB NOT NULL REFERENCES sites (site_id),
    PRIMARY KEY (origin, site_id)
) STRICT;
CREATE INDEX site_origins_site ON site_origins (site_id);

CREATE TABLE recordings (
    recording_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    project_id BLOB NOT NULL,
    site_id BLOB,
    subject_id BLOB NOT NULL,
    source INTEGER NOT NULL,
    state INTEGER NOT NULL,
    policy_version INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER NOT NULL,
    last_segment_at INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    segments INTEGER NOT NULL,
    plays INTEGER NOT NULL DEFAULT 0,
    summary BLOB,
    summary_version INTEGER NOT NULL
) STRICT;
CREATE INDEX recordings_by_start ON recordings (organisation_id, started_at, recording_id);
CREATE INDEX recordings_open ON recordings (state, last_segment_at);
CREATE INDEX recordings_by_site ON recordings (site_id, started_at);

CREATE TABLE tracks (
    track_id BLOB NOT NULL PRIMARY KEY,
    recording_id BLOB NOT NULL REFERENCES recordings (recording_id),
    organisation_id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    writer_id BLOB NOT NULL,
    state INTEGER NOT NULL,
    class INTEGER NOT NULL,
    key_id BLOB NOT NULL,
    clock_offset_us INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    UNIQUE (recording_id, kind, writer_id)
) STRICT;

CREATE TABLE segments (
    track_id BLOB NOT NULL REFERENCES tracks (track_id),
    sequence INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    keyframe INTEGER NOT NULL,
    content_type INTEGER NOT NULL,
    policy_version INTEGER NOT NULL,
    object TEXT NOT NULL,
    byte_offset INTEGER NOT NULL,
    byte_length INTEGER NOT NULL,
    header BLOB NOT NULL,
    sha256 BLOB NOT NULL,
    content_mac BLOB NOT NULL,
    sent_bytes INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (track_id, sequence)
) STRICT;

CREATE TABLE gaps (
    track_id BLOB NOT NULL REFERENCES tracks (track_id),
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    PRIMARY KEY (track_id, from_us, reason)
) STRICT;
CREATE INDEX segments_received ON segments (received_at);
