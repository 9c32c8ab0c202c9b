"""What a static site needs in the browser: fetched once, checked, and copied into the site."""
