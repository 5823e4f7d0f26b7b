"""Data sets to manifests, manifests to shards of features; acoustic measures of recordings."""
