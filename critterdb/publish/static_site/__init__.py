"""Bake a published copy into a folder of files that any static host serves."""
