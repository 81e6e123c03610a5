"""Comparing a gradient with the oracle: what is checked, along which directions, and what the difference is worth."""
