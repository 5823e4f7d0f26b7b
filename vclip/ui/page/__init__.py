"""The page: layout, HTML fragments, event listeners, and the API endpoints beside it."""
