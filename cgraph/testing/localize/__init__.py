"""Finding where a wrong gradient goes wrong: the edge, the entry, and a hint."""
