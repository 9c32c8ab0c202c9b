"""critterdb: iNaturalist, a model, a hashtag game and its whole story in one SQLite file."""

__version__ = "0.2.0"
