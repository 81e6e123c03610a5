"""Emitters: a finished graph as source, one file a target."""
