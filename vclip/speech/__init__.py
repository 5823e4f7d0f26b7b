"""Text to speech: the VITS, its decoders, and whole texts said by it."""
