"""The Gradio app: texts, map, visits (what one visitor does), page, endpoints, server."""
