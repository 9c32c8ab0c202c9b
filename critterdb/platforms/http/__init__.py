"""HTTP as the platforms need it: deadlines, sessions, media."""
