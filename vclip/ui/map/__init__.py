"""The map of voices and the list beside it."""
