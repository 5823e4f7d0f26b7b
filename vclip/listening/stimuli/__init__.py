"""Stimuli: sounds and faces of a study, made alike in all but what is compared."""
