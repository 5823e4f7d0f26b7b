"""What people type, as the sentences that a voice says."""
