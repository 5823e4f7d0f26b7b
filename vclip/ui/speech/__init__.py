"""Speech of the visitors: takes (streamed, replayed, downloaded) and previews of voices."""
