"""Training and evaluation of the bundled face encoder."""
