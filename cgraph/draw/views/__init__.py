"""Views: what is left out of a picture, gathered, or brought to the front."""
