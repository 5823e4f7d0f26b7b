"""The paper's table of ways to choose a voice for a face (section 4.3)."""
