CREATE TABLE sweeping (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    node BLOB NOT NULL,
    held_until INTEGER NOT NULL
) STRICT;

CREATE TABLE sweeps (
    organisation_id BLOB NOT NULL PRIMARY KEY,
    swept_at INTEGER,
    swept INTEGER NOT NULL,
    forecast_at INTEGER,
    stopped_at INTEGER,
    due INTEGER NOT NULL,
    expected INTEGER NOT NULL,
    confirmed_at INTEGER
) STRICT;

CREATE TABLE sweep_forecasts (
    organisation_id BLOB NOT NULL,
    day INTEGER NOT NULL,
    recordings INTEGER NOT NULL,
    PRIMARY KEY (organisation_id, day)
) STRICT;
