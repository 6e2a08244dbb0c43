ALTER TABLE tracks ADD COLUMN kept_from INTEGER NOT NULL DEFAULT 0;
UPDATE tracks SET kept_from = kept_until - 7776000000000;
CREATE INDEX tracks_due ON tracks (organisation_id, state, kept_until);

CREATE TABLE retentions (
    project_id BLOB NOT NULL,
    class INTEGER NOT NULL,
    organisation_id BLOB NOT NULL,
    kept_us INTEGER NOT NULL,
    rounds INTEGER NOT NULL,
    after_track BLOB,
    PRIMARY KEY (project_id, class)
) STRICT;
