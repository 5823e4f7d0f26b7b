"""Speakers of the TTS: the bank of known ones, a GMM that samples new ones, candidate voices."""
