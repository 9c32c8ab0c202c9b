"""The version, in a module that imports nothing, so that every folder may read it."""

__version__ = "0.2.0"
