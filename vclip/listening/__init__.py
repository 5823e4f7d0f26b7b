"""Listening tests: a study, who rates what, the ratings kept, and what they say. No torch here."""
