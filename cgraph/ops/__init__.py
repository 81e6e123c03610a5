"""The derivative tables: every op is one row in one of these modules, and `OPS` has them all by name."""

from cgraph.op import OPS, Formula, Interval, Op, register
from cgraph.operators import VOCABULARY
from cgraph.ops import linalg, losses, reduction, structure
from cgraph.ops.elementwise import elementwise

__all__ = [
    "OPS",
    "VOCABULARY",
    "Formula",
    "Interval",
    "Op",
    "elementwise",
    "linalg",
    "losses",
    "reduction",
    "register",
    "structure",
]
