"""Data sets to manifests, manifests to shards of features."""
