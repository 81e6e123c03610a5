"""What a picture shows: a graph and a Run turned into boxes and arrows, before anything has a place or a colour."""
