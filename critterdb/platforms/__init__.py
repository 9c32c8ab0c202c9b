"""Where posts come from and replies go."""
