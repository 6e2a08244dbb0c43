ALTER TABLE sweeps ADD COLUMN confirmed_due INTEGER;
ALTER TABLE sweeps ADD COLUMN counted_from INTEGER;

CREATE TABLE sweep_forecasts_aged (
    organisation_id BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    day INTEGER NOT NULL,
    recordings INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, made_at, day)
) STRICT;
INSERT INTO sweep_forecasts_aged (organisation_id, made_at, day, recordings)
    SELECT f.organisation_id, s.forecast_at, f.day, f.recordings FROM sweep_forecasts f
    JOIN sweeps s ON s.organisation_id = f.organisation_id WHERE s.forecast_at IS NOT NULL;
DROP TABLE sweep_forecasts;
ALTER TABLE sweep_forecasts_aged RENAME TO sweep_forecasts;

CREATE INDEX erasure_tracks_of_track ON erasure_tracks (track_id);
