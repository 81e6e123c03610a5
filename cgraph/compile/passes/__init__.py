"""Passes: a graph of the intermediate representation in, a better one out; where things lie and in which order they are done."""
