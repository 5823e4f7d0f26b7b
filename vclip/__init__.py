"""vclip: from a face to a voice. A research demo; see README.md."""

__version__ = "0.4.0"
