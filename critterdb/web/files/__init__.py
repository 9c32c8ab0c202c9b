"""Photos and static files."""
