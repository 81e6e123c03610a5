"""Programs for other frameworks: `cg.compile(..., backend="jax")` and ``"torch"``.

What people hold when a graph has become a function in somebody else's words. It looks like a `Program` (call it with arrays), and has
`function`, a plain function for whatever that framework does with functions: differentiate, compile, spread over machines.
"""

from __future__ import annotations

import itertools
import linecache
import sys
import weakref
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from cgraph.compile.emit.jax import JAX
from cgraph.compile.emit.nodes import Dialect, NodeWriter
from cgraph.compile.emit.torch import TORCH
from cgraph.compile.program import _converted, _inputs, _nodes
from cgraph.compile.specialize import derive
from cgraph.errors import CgraphError, MissingPackageError, MissingValueError
from cgraph.graph import order
from cgraph.node import Node
from cgraph.op import CONSTANT, PARAMETER

_numbers = itertools.count(1)
DIALECTS: dict[str, Dialect] = {"jax": JAX, "torch": TORCH}


class FrameworkProgram:
    """A graph as a function of JAX or PyTorch. Made by `cgraph.compile`.

    Attributes:
        function: ``function(parameters, <inputs>)``, a plain function of the framework's arrays. `parameters` is a dictionary: the
            name of each leaf that is not among the inputs -> its value. It returns what a call of the program returns.
        inputs: the leaves that a call takes values for, in order.
        leaves: name -> leaf, for the dictionary.
        source: of the function, as Python.
    """

    def __init__(
        self,
        outputs: Node | Sequence[Node],
        inputs: Node | Sequence[Node] | None,
        gradients: Node | Sequence[Node] | None,
        backend: str,
    ) -> None:
        self.backend = backend
        try:
            self._module = import_module("jax" if backend == "jax" else "torch")
        except ImportError as error:
            raise MissingPackageError(
                f'backend="{backend}" needs {backend}: pip install "cgraph[{backend}]"',
                name=backend,
            ) from error
        self._given = outputs, inputs, gradients
        roots = _nodes(outputs, "outputs")
        wrt = None if gradients is None else _nodes(gradients, "gradients")
        if not roots:
            raise CgraphError("compile: there is nothing to compute; give at least one output")
        below = [n for n in order(*roots, *(wrt or ())) if not n.parents]
        self.inputs = _inputs(inputs, below)
        taken = set(self.inputs)
        self.leaves = _keys([n for n in below if n.op is not CONSTANT and n not in taken])
        for leaf in self.leaves.values():
            if leaf._value is None:
                raise MissingValueError(
                    f"{leaf.label!r} has no value: name it among the inputs of the program, or give it one"
                )
        derived = derive(roots, wrt or [], [*self.inputs, *self.leaves.values()])
        self.outputs, self.gradients = roots, wrt
        results: Any = roots[0] if isinstance(outputs, Node) else roots
        if wrt is not None:
            slopes: Any = derived.gradients[0] if isinstance(gradients, Node) else derived.gradients
            results = (results, slopes)
        named = {n: f"d{t.basename or 'w'}" for n, t in derived.cotangents.items() if n not in taken and n.parents}  # fmt: skip
        writer = NodeWriter(DIALECTS[backend], self.inputs, self.leaves, results, named)
        names = ", ".join(n.label for n in roots)
        written = writer.write(f"{names}{' and gradients' if wrt else ''}; `parameters` by name.")
        self.source = written.source
        constants: Any = written.constants
        if backend == "torch":
            constants = {k: self._module.as_tensor(np.array(v)) for k, v in constants.items()}
        self.function = self._load(constants)
        self._jitted: Any = None
        self._doubles = any(
            n.dtype.itemsize == 8 for n in [*below, *order(*roots)] if n.dtype.kind in "fiu"
        )

    def _load(self, constants: Any) -> Any:
        """The function in the source; in a module of its own, because torch.compile looks its names up there."""
        name = f"_cgraph_{self.backend}_{next(_numbers)}"
        filename = f"<{name}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(keepends=True), filename)  # fmt: skip
        module: Any = ModuleType(name)
        module.constants = constants
        exec(compile(self.source, filename, "exec"), vars(module))
        if self.backend == "torch":
            sys.modules[name] = module  # for good: the function may outlive the program
        else:
            weakref.finalize(module.function, linecache.cache.pop, filename, None)
        return module.function

    # --- values -----------------------------------------------------------------------------------

    def parameters(self) -> dict[str, Any]:
        """The current values of the leaves that are not inputs, by name, as the framework's arrays: what `function` takes first.

        JAX makes float32 of float64 unless told otherwise: ``jax.config.update("jax_enable_x64", True)``.
        """
        return {name: self._array(leaf._value, leaf) for name, leaf in self.leaves.items()}

    def assign(self, values: Mapping[str, Any]) -> None:
        """Put values back into the graph's parameters, e.g. after a training elsewhere.

        Raises:
            CgraphError: for a name that there is no parameter of.
            ShapeError, DTypeError: for values that do not fit.
        """
        for name, value in values.items():
            if name not in self.leaves:
                raise CgraphError(f"there is no parameter {name!r}; there are {', '.join(map(repr, self.leaves))}")  # fmt: skip
            if self.leaves[name].op is PARAMETER:
                self.leaves[name].value = _numpy(value).astype(self.leaves[name].dtype, copy=False)

    def module(self) -> Any:
        """The program as a `torch.nn.Module` with the graph's parameters, for optimizers and DistributedDataParallel.

        Raises:
            CgraphError: for the jax backend, which has no modules.
        """
        if self.backend != "torch":
            raise CgraphError(
                'module() is of backend="torch"; JAX works on `function` and `parameters()`'
            )
        from cgraph.compile.torch_module import make_module

        return make_module(self.function, self.parameters(), self.leaves)

    def _array(self, value: Any, leaf: Node) -> Any:
        if self.backend == "jax":
            return self._module.numpy.asarray(np.asarray(value, leaf.dtype))
        return self._module.as_tensor(np.array(value, leaf.dtype))

    # --- calling ----------------------------------------------------------------------------------

    def __call__(self, *args: Any) -> Any:
        """What a `Program` returns, computed by the framework, as NumPy arrays; float64 stays float64.

        Raises:
            ShapeError, DTypeError: for values that do not fit their input.
        """
        if len(args) != len(self.inputs):
            names = ", ".join(n.label for n in self.inputs)
            raise CgraphError(f"the program takes {len(self.inputs)} values ({names}); got {len(args)}")  # fmt: skip
        given = [_converted(value, leaf) for value, leaf in zip(args, self.inputs, strict=True)]
        with self._quiet():
            values = [self._array(v, leaf) for v, leaf in zip(given, self.inputs, strict=True)]
            if self._jitted is None:
                self._jitted = self._module.jit(self.function) if self.backend == "jax" else self.function  # fmt: skip
            return _as_numpy(self._jitted(self.parameters(), *values))

    def _quiet(self) -> Any:
        """JAX with float64 where the graph has it; PyTorch without a tape."""
        if self.backend == "torch":
            return self._module.no_grad()
        if not self._doubles:
            return nullcontext()
        if hasattr(self._module, "enable_x64"):
            return self._module.enable_x64(True)
        return import_module("jax.experimental").enable_x64()

    def __reduce__(self) -> Any:
        return FrameworkProgram, (*self._given, self.backend)

    def __repr__(self) -> str:
        names = ", ".join(["parameters", *(n.label for n in self.inputs)])
        return f"<FrameworkProgram for {self.backend} ({names}) -> {', '.join(n.label for n in self.outputs)}>"


def _keys(leaves: Sequence[Node]) -> dict[str, Node]:
    """A name for each leaf; where two have the same, with a number."""
    found: dict[str, Node] = {}
    for leaf in leaves:
        wish = name = leaf.name or leaf.op.name
        count = 1
        while name in found:
            name, count = f"{wish}_{count}", count + 1
        found[name] = leaf
    return found


def _numpy(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)


def _as_numpy(tree: Any) -> Any:
    if isinstance(tree, list | tuple):
        return type(tree)(map(_as_numpy, tree))
    array = _numpy(tree)
    return np.array(array) if array.ndim else array[()]
