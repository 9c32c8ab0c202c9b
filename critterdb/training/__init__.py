"""Train a model: heavy, with torch and fastai. Nothing that serves imports it."""
