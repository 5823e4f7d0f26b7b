"""What a study compares and asks, and who rates what in which order."""
