"""Turn a stranger's bytes into pixels, or refuse to."""
