"""The site's database, its migrations, and the files beside it."""
