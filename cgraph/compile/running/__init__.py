"""What generated programs run on: memory, pieces on threads, the quick way through a call."""
