"""Read iNaturalist into rows and photo files."""
