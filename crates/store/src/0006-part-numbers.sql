ALTER TABLE tracks ADD COLUMN next_part INTEGER NOT NULL DEFAULT 0;
UPDATE tracks SET next_part =
    coalesce((SELECT max(part) + 1 FROM parts WHERE parts.track_id = tracks.track_id), 0);
