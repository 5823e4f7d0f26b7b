"""The space in which the face and the voice of one person lie close, and what leads into it."""
