"""The table of Vclip §4.3: methods that choose a voice for a face, compared on their speech."""
