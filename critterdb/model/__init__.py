"""Load, run and record a model: light, without torch."""
