"""Rounds that a host plans: post a photo, collect guesses, tell the answer."""
