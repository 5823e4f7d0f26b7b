"""Metrics of verification, matching, retrieval and generation, with intervals."""
