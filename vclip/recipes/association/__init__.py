"""Training of the association of faces and voices: losses, batches, trainer."""
