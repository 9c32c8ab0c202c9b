"""The whole system on drawn animals, without a network."""
