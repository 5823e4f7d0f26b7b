"""Playback in the app: takes (speech streamed, replayed, downloaded), previews of voices."""
