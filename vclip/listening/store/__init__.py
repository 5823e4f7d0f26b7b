"""Ratings, kept durably."""
