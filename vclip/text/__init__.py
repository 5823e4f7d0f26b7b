"""Text normalisation: typed text to sentences in the words that are spoken."""
