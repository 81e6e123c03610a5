"""Output: a Diagram's DOT text, colours and engine, and the files that come of it."""
