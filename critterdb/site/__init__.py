"""The folder of a site: make, serve, back up, describe."""
