"""Faults to plant, as negative controls: known wrong gradients that a check has to find."""
