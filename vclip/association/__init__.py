"""The joint space of faces and voices: projection heads, voice encoders, explanations."""
