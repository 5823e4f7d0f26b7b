"""Speakers of the TTS: the known ones of the bank, drawn ones, and candidates among both."""
