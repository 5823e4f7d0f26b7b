"""Offline recipes: data preparation, training, evaluation; run as `python -m vclip.recipes.…`."""
