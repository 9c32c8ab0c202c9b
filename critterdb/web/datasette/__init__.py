"""What the plugin changes in Datasette itself."""
