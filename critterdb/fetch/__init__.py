"""Fetch what a stranger's URL names, or refuse to."""
