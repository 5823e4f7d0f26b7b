"""Recipes that make what the app reads; each runs as `python -m vclip.recipes.NAME`."""
