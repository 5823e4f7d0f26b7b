"""From a photo to the embedding of its face: decoding, detection, crop, image encoders."""
