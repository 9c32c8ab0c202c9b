"""What the pages ask the database."""
