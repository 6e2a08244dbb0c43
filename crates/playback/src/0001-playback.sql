CREATE TABLE plays (
    play_id BLOB NOT NULL PRIMARY KEY,
    organisation_id BLOB NOT NULL,
    recording_id BLOB NOT NULL,
    person_id BLOB NOT NULL,
    session_id BLOB NOT NULL,
    entry INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;
CREATE INDEX plays_of_recording ON plays (recording_id, started_at);

CREATE TABLE play_ranges (
    play_id BLOB NOT NULL REFERENCES plays (play_id),
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL
) STRICT;
CREATE INDEX play_ranges_of_play ON play_ranges (play_id);
