"""Parsers and platforms that are given what nobody expects."""
