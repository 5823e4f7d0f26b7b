"""Text to speech: VITS, its waveform decoders, streaming, narration of whole texts."""
