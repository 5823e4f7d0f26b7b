"""Bank, mixture, signature network and reference faces of a model directory."""
