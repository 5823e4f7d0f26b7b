"""Benchmarks of speed and size: app, speech synthesis, search."""
