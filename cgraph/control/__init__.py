"""Loops and branches as nodes with a graph inside: `scan`, `fori_loop`, `cond`.

A loop of 10^4 steps is one node, not 10^4: it holds the graph of one step, its *body*, and carries it out as often as it says. The
derivative of a loop is a loop, over the derivative of the body, backwards; it is built from the same ops, so loops are differentiable as
often as one likes, in both modes, in numbers and in gradient graphs. The numbers that reverse mode needs of the way there, the state before
each step, are computed by a loop as well.
"""

from cgraph.control.body import Body
from cgraph.control.functions import cond, fori_loop, scan

__all__ = ["Body", "cond", "fori_loop", "scan"]
