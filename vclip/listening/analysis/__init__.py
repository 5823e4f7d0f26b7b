"""Ratings to results: who is left out, means, intervals, models, words, figures."""
