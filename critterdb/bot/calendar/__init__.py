"""Which hashtag games there are, and when they are played."""
