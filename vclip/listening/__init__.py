"""Listening tests: study design, stimuli, rating store, server, analysis. Nothing imports torch."""
