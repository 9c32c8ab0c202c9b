"""Learn from the host's own words, or from a person, what it really was."""
