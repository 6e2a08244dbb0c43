ALTER TABLE recordings ADD COLUMN summary_key BLOB;
CREATE INDEX recordings_by_subject ON recordings (subject_id);

CREATE TABLE erased_numbers (
    track_id BLOB NOT NULL,
    from_sequence INTEGER NOT NULL,
    to_sequence INTEGER NOT NULL,
    PRIMARY KEY (track_id, from_sequence)
) STRICT;
