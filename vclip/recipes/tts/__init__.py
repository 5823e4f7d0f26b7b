"""Training and evaluation of the bundled VITS."""
