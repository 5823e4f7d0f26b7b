"""Simulated raters with planted opinions, over HTTP or in a dry run."""
