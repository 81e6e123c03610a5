"""Large graphs of numbers: no source, but arrays by level and op, and loops where they are thin."""
