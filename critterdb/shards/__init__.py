"""Work on very many photos, cut into shards that are each done once, on one machine or several."""
