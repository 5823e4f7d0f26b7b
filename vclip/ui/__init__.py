"""The web app in Gradio: texts and visits here; page, map, speech and server below."""
