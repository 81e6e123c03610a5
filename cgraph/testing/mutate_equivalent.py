"""Mutants of the backward code that change nothing anybody can see, by name, each with the reason.

They are skipped by `mutate`. A name says what became of what in which function, not on which line, so that it stays true when code moves.
"""

from __future__ import annotations

SLOWER = "takes the general road, which gives the same numbers"
SAME_SHAPE = "a broadcast to the shape it has already"

EQUIVALENT: dict[str, str] = {
    "local._transposed: 2  ->  0": "swapaxes(-1, -2) of a matrix is its transpose",
    "modes.backpropagate: len(parents) > 2  ->  len(parents) >= 2": SLOWER,
    "modes.backpropagate: 2  ->  0": SLOWER,
    "modes.backpropagate: masks and node in masks  ->  masks or node in masks": SLOWER,
    "modes.pushforward: continue  ->  pass": "a leaf has no parents, so the loop below it does nothing",
    "autodiff._shaped: node.shape != target.shape and shapes.is_static(target.shape)  ->  node.shape != target.shape or shapes.is_static(target.shape)": SAME_SHAPE,  # noqa: E501
    "autodiff._shaped: node.shape != target.shape  ->  node.shape == target.shape": SAME_SHAPE,
}
