"""What is written when a check fails: message, picture, smallest graph, and a file that reproduces it."""
