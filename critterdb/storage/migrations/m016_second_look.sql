-- How often a model looked at a photo, and the part of it that decided if that was the second look.
ALTER TABLE predictions ADD COLUMN looks INTEGER;

ALTER TABLE predictions ADD COLUMN crop TEXT
