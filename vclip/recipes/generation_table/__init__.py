"""Ways to choose a voice for a face, spoken, heard and measured: the table of Vclip §4.3."""
