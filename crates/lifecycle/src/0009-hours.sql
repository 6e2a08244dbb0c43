ALTER TABLE sweep_forecasts RENAME COLUMN day TO hour;
UPDATE sweep_forecasts SET hour = hour * 24;
