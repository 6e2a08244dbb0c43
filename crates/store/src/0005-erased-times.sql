CREATE TABLE erased_times (
    recording_id BLOB NOT NULL,
    from_us INTEGER NOT NULL,
    to_us INTEGER NOT NULL,
    PRIMARY KEY (recording_id, from_us)
) STRICT;
