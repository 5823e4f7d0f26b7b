"""Training of the association between faces and voices."""
