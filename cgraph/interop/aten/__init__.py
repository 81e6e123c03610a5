"""What becomes of each of PyTorch's ops (ATen): one function an op, with the op's own parameters, over nodes; a file a subject."""

from cgraph.interop.aten import (  # each fills the table
    elementwise as elementwise,
    layers as layers,
    losses as losses,
    moving as moving,
    picking as picking,
    products as products,
    reductions as reductions,
)
from cgraph.interop.aten.layers import resampled
from cgraph.interop.aten.table import RULES, rule_of, to_numpy

__all__ = ["RULES", "resampled", "rule_of", "to_numpy"]
