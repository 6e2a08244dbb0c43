ALTER TABLE key_rollover ADD COLUMN believed_at INTEGER;
