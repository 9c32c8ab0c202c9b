"""Loopback servers that behave like the internet's where it hurts: for the demo and the tests."""
