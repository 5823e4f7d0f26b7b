"""Analysis of ratings: exclusion, means, intervals, models, words, figures."""
