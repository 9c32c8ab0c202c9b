"""The pages under /-/critters."""
