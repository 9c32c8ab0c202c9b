"""Play rounds: read posts, classify their photos, reply once."""
