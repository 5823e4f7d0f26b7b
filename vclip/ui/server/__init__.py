"""Web server around the page: FastAPI application, uvicorn, link previews, ZeroGPU."""
