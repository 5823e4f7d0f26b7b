"""The web app in Gradio: a visitor's state and texts here; page, map, speech and server below."""
