-- The harmonic mean of precision and recall, on the test photos.
ALTER TABLE model_labels ADD COLUMN f1 REAL
