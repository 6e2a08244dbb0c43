CREATE TABLE comments (
    comment_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    recording_id BLOB NOT NULL,
    author_id BLOB NOT NULL,
    answers BLOB,
    at_us INTEGER NOT NULL,
    to_us INTEGER,
    text BLOB NOT NULL,
    key_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    edited_at INTEGER
) STRICT;
CREATE INDEX comments_of_recording ON comments (recording_id, at_us);
CREATE INDEX comments_of_organisation ON comments (organisation_id);

CREATE TABLE clips (
    clip_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    recording_id BLOB NOT NULL,
    made_by BLOB NOT NULL,
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL,
    title BLOB NOT NULL,
    key_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;
CREATE INDEX clips_of_recording ON clips (recording_id, from_us);
CREATE INDEX clips_of_organisation ON clips (organisation_id);

CREATE TABLE reviews (
    recording_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    state TEXT NOT NULL,
    asked_by BLOB,
    asked_at INTEGER NOT NULL,
    note BLOB,
    key_id BLOB,
    version INTEGER NOT NULL,
    done_by BLOB,
    done_at INTEGER
) STRICT;
CREATE INDEX reviews_of_organisation ON reviews (organisation_id, state, asked_at);

CREATE TABLE playlists (
    playlist_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    made_by BLOB NOT NULL,
    title BLOB NOT NULL,
    version INTEGER NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;
CREATE INDEX playlists_of_organisation ON playlists (organisation_id, made_at);

CREATE TABLE playlist_items (
    playlist_id BLOB NOT NULL REFERENCES playlists (playlist_id),
    position INTEGER NOT NULL,
    recording_id BLOB NOT NULL,
    clip_id BLOB,
    PRIMARY KEY (playlist_id, position)
) STRICT;
CREATE INDEX playlist_items_of_recording ON playlist_items (recording_id);
