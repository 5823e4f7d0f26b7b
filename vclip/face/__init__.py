"""A photo becomes the place of its face among the voices: photo, detector, encoders."""
