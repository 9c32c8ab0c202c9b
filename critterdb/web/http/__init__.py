"""HTTP rules that all pages share."""
