"""Random graphs, operands and call orders."""
