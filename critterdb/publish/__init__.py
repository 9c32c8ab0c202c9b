"""Copy what is openly licensed into a folder for a host."""
