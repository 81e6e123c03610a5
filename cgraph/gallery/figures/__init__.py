"""The figures, in the article's order: scripts in the bodies of functions, read as text, printed and run (cgraph/gallery/script.py)."""
