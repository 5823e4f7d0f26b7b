"""Simulated raters whose true opinions are known, over HTTP or in a dry run."""
