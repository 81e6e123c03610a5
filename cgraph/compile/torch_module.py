"""A function of the torch backend as a `torch.nn.Module`; apart, because a class of PyTorch's needs PyTorch to be defined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from cgraph.node import Node
from cgraph.op import PARAMETER


def make_module(function: Callable[..., Any], values: Mapping[str, Any], leaves: Mapping[str, Node]) -> Any:  # fmt: skip
    """A module whose parameters are the graph's; leaves that are no parameters are buffers."""
    torch: Any = import_module("torch")
    base: Any = torch.nn.Module

    class GraphModule(base):  # type: ignore[misc]
        """A cgraph graph. Its parameters have the graph's names, with ``_`` where a module's may not have a dot or a slash."""

        def __init__(self) -> None:
            super().__init__()
            self._keys = {}
            for name, value in values.items():
                # The prefix keeps clear of what modules have already ("weight", "T", "train").
                key = "graph_" + name.replace(".", "_").replace("/", "_")
                while hasattr(self, key):
                    key += "_"
                self._keys[name] = key
                if leaves[name].op is PARAMETER:
                    self.register_parameter(key, torch.nn.Parameter(value))
                else:
                    self.register_buffer(key, value)

        def values(self) -> dict[str, Any]:
            """The parameters by the graph's names: what `FrameworkProgram.assign` takes."""
            return {name: getattr(self, key) for name, key in self._keys.items()}

        def forward(self, *inputs: Any) -> Any:
            return function(self.values(), *inputs)

    return GraphModule()
