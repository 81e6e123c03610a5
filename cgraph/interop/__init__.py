"""Other frameworks' models as cgraph graphs, and cgraph graphs as files for other frameworks.

`from_jax`, `from_torch` and `from_onnx` trace somebody else's model and rebuild it, op by op, as a graph that can be drawn, explained,
checked and differentiated; `to_onnx` writes a graph for others to run. One file a framework; what they share stands in `building`.
"""

from cgraph.interop.building import named_leaves
from cgraph.interop.jax_in import from_jax
from cgraph.interop.onnx_in import from_onnx
from cgraph.interop.onnx_out import to_onnx
from cgraph.interop.torch_in import from_torch

__all__ = ["from_jax", "from_onnx", "from_torch", "named_leaves", "to_onnx"]
