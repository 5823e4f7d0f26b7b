"""Map of the voices as SVG, and the list beside it as HTML."""
