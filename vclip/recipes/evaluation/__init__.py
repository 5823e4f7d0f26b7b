"""Evaluation of the association: on pairs and under published protocols."""
