"""Takes: speech while it is spoken, kept, replayed and fetched."""
