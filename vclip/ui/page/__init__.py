"""The page: its layout, what its controls do, and the endpoints beside it."""
