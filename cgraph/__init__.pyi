"""cgraph: computational graphs you can build, see, check and differentiate."""

# Made from the tables by `python tools/stubs.py`.

from collections.abc import Sequence
from types import ModuleType
from typing import Any, overload

from cgraph.values import Array as _Array
from cgraph import ops as ops
from cgraph.autodiff import grad as grad
from cgraph.autodiff import gradient as gradient
from cgraph.autodiff import hessian as hessian
from cgraph.autodiff import hvp as hvp
from cgraph.autodiff import jacobian as jacobian
from cgraph.autodiff import jvp as jvp
from cgraph.autodiff import value_and_gradient as value_and_gradient
from cgraph.autodiff import vjp as vjp
from cgraph.errors import CgraphError as CgraphError
from cgraph.errors import DrawError as DrawError
from cgraph.errors import DTypeError as DTypeError
from cgraph.errors import GradientError as GradientError
from cgraph.errors import MissingValueError as MissingValueError
from cgraph.errors import NoGradientError as NoGradientError
from cgraph.errors import NonFiniteError as NonFiniteError
from cgraph.errors import ShapeError as ShapeError
from cgraph.errors import StoreError as StoreError
from cgraph.errors import UnsupportedError as UnsupportedError
from cgraph.leaves import constant as constant
from cgraph.leaves import input as input
from cgraph.leaves import parameter as parameter
from cgraph.linear_maps import LocalGradient as LocalGradient
from cgraph.node import Node as Node
from cgraph.node import scope as scope
from cgraph.op import Formula as Formula
from cgraph.op import Interval as Interval
from cgraph.op import Op as Op
from cgraph.ops import elementwise as elementwise
from cgraph.ops import linear_op as linear_op
from cgraph.ops import op as op
from cgraph.ops import reduction as reduction
from cgraph.run import Run as Run
from cgraph.run import run as run
from cgraph import datasets as datasets
from cgraph import linalg as linalg
from cgraph import metrics as metrics
from cgraph import nn as nn
from cgraph import optim as optim
from cgraph import plots as plots
from cgraph import fft as fft
from cgraph import integrate as integrate
from cgraph import signal as signal
from cgraph import special as special
from cgraph import stats as stats
from cgraph import testing as testing
from cgraph.draw import Diagram as Diagram
from cgraph.compile import Program as Program
from cgraph.draw import animate as animate
from cgraph.control import cond as cond
from cgraph.control import fori_loop as fori_loop
from cgraph.control import scan as scan
from cgraph.compile import compile_training as compile_training
from cgraph.draw import frames as frames
from cgraph.interop import from_jax as from_jax
from cgraph.interop import from_onnx as from_onnx
from cgraph.interop import from_torch as from_torch
from cgraph.rewrite.lint import lint as lint
from cgraph.io.store import load as load
from cgraph.interop import named_leaves as named_leaves
from cgraph.io.store import save as save
from cgraph.rewrite.stabilize import stabilize as stabilize
from cgraph.mapping import vmap as vmap
from cgraph.interop import to_onnx as to_onnx

class _Unary(Op):
    @overload  # type: ignore[override]
    def __call__(self, x: Node, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, x: Any, /, *, name: str | None = None) -> Any: ...

class _Binary(Op):
    @overload  # type: ignore[override]
    def __call__(self, a: Node, b: Any, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Node, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Any, /, *, name: str | None = None) -> Any: ...

class _Ternary(Op):
    @overload  # type: ignore[override]
    def __call__(self, a: Node, b: Any, c: Any, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Node, c: Any, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Any, c: Node, /, *, name: str | None = None) -> Node: ...
    @overload
    def __call__(self, a: Any, b: Any, c: Any, /, *, name: str | None = None) -> Any: ...

_Axis = int | Sequence[int] | None

from cgraph.draw import Diagram as _draw_Diagram
from cgraph.draw import Frames as _draw_Frames
from cgraph.draw import animate as _draw_animate
from cgraph.draw import compare as _draw_compare
from cgraph.draw import frames as _draw_frames

class _Draw(ModuleType):
    Diagram = _draw_Diagram
    Frames = _draw_Frames
    animate = staticmethod(_draw_animate)
    compare = staticmethod(_draw_compare)
    frames = staticmethod(_draw_frames)
    def __call__(self, root: Any, run: Run | None = None, *, step: int | str | None = None, focus: Node | None = None, around: Node | None = None, hops: int = 2, open: Node | None = None, dpi: int = 144, **options: Any) -> _draw_Diagram:
        """A diagram of everything that `root` depends on.

        Args:
            root: a node, several nodes, or a Run (which is drawn with its own roots); a compiled `Program` is drawn as its statements,
                with where their results lie and what runs in pieces; a `Profile` as the graph, with the time at every node.
            run: an evaluation; with it the values are shown, and after a backward pass the gradients. Without, structure only.
            step: one moment of the backward pass: "forward", 0 for the seed, k for the k-th op that hands back its gradients.
            focus: show only the paths from this node to the root.
            around, hops: show only what is at most `hops` edges away from a node.
            open: a loop or a branch (or what `cg.scan` and its kin gave): what is inside it is drawn, with a run the first step.
            dpi: of a PNG.
            view: "cards" folds unnamed arithmetic into named cards, "expanded" draws every op, "layers" frames scopes,
                "collapsed" makes one box of a scope, "neuron" one box of everything between leaves and loss, "health" marks
                what is not finite or saturated.
            theme: "cards" or "circles", and "light", "dark" or "print"; two may be joined: "circles dark".
            direction: "LR" or "TB"; "auto" turns a very long picture.
            values, grads, locals, shapes, dtypes, formulas, legend: what is written.
            broadcasts: show the broadcast nodes that stand between a small operand and a large one.
            bypass: show the sigmoid that a fused loss skips on the way back.
            precision: decimals; the stored values are never rounded.
            title, caption: instead of the ones made up.
            collapse: from how many boxes scopes are collapsed; None for never. force: draw above the limit of 300 boxes all the same.
            numbers: where the numbers of ops stand: on the "arrows" or in the "boxes"; "auto" puts them inside in large pictures.
            detail: how much stands in the boxes where numbers stand there: "full" with local gradients, "compact" without, "tight" in as few
                lines as possible; "auto" takes the first with which the picture can be read on a page.
            elsewhere: leaves that stand for what another part of a net computes; drawn as such, not as data.
            style: a function of each Box or Arrow (`cgraph.draw.model.diagram`), giving another one or None for no change.

        Returns:
            A `Diagram`: `.save("x.png")`, `.dot`, `.svg()`, `.mermaid`; shows itself in notebooks.

        Raises:
            DrawError: unknown option, a graph too large to be read, or a run that does not belong to the graph.
        """
    def __getattr__(self, name: str) -> Any: ...

draw: _Draw

from cgraph.compile import CompiledFunction as _compile_CompiledFunction
from cgraph.compile import Program as _compile_Program
from cgraph.compile import TrainingProgram as _compile_TrainingProgram
from cgraph.compile import compile_training as _compile_compile_training

class _Compile(ModuleType):
    CompiledFunction = _compile_CompiledFunction
    Program = _compile_Program
    TrainingProgram = _compile_TrainingProgram
    compile_training = staticmethod(_compile_compile_training)
    def __call__(self, outputs: Any = None, inputs: Any = None, gradients: Any = None, *, backend: str = 'numpy', accuracy: str = 'full', threads: int = 1, copy: bool = True) -> Any:
        """Turn a graph, or a function of arrays, into a program: readable, straight-line Python on preallocated memory.

        Args:
            outputs: a node or a list of nodes; or a function, which is traced when it is called; or nothing, for a decorator with options.
            inputs: the leaves that a call takes values for, in order; by default the inputs that have no value. All other leaves keep
                their current values, which are read at each call.
            gradients: nodes to differentiate the first output with respect to; it has to be a scalar. For a function, which arguments,
                by position; a call then gives the value and the gradients, as `value_and_gradient` does.
            backend: "numpy"; or "jax" or "torch", for a function in that framework's words (`FrameworkProgram`), which takes none of the
                options below.
            accuracy: "full", or "fast" for forms that are a few per cent quicker and less exact in the tails, see docs/compiling.md.
            threads: how many threads long elementwise chains may use.
            copy: False lets a call hand out the arrays of the call before, overwritten.

        Returns:
            A `Program` or a `FrameworkProgram`; for a function, a function that takes and returns what it does.

        Raises:
            CgraphError, ShapeError, GradientError: as for a run of the graph.
            ValueError: for a backend that there is not, or an option that it has not.
        """
    def __getattr__(self, name: str) -> Any: ...

compile: _Compile

abs: _Unary
"""`abs`, as in NumPy.

Value: |a|
Local gradient for a: sign a
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

add: _Binary
"""`add`, as in NumPy.

Value: a + b
Local gradient for a: 1
Local gradient for b: 1

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

def add_sequence(*terms: Any, name: str | None = None) -> Any:
    """The sum of its operands, as MyGrad has it."""

@overload
def all(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """Whether all entries over `axis` are true.

    Value: all of a
    Local gradient for a: none

    Args:
        x: an array or a node.
        axis: the axis, or axes, to reduce; all by default.
        keepdims: keep them as axes of size 1.
        dtype: what to compute in.
        initial, where: as in NumPy: a first number to start from, and which entries count.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def all(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def angle(x: Node, deg: bool = False, *, name: str | None = None) -> Node:
    """0 where `x` is positive, π (or 180) where it is negative: the angle of a real number; its local gradient is 0."""

@overload
def angle(x: Any, deg: bool = False, *, name: str | None = None) -> Any: ...

@overload
def any(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """Whether any entry over `axis` is true.

    Value: any of a
    Local gradient for a: none

    Args:
        x: an array or a node.
        axis: the axis, or axes, to reduce; all by default.
        keepdims: keep them as axes of size 1.
        dtype: what to compute in.
        initial, where: as in NumPy: a first number to start from, and which entries count.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def any(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def append(x: Node, values: Any, axis: int | None = None, *, name: str | None = None) -> Node:
    """`x` with `values` after it along `axis`; both flattened, if it is not given."""

@overload
def append(x: Any, values: Any, axis: int | None = None, *, name: str | None = None) -> Any: ...

arccos: _Unary
"""`arccos`, as in NumPy.

Value: arccos a
Local gradient for a: −1/√(1 − a²)
Domain: a in [-1, 1].

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

arccosh: _Unary
"""`arccosh`, as in NumPy.

Value: arcosh a
Local gradient for a: 1/√(a² − 1)
Domain: a in [1, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def arccot(x: Node, *, name: str | None = None) -> Node:
    """The inverse of the cotangent, arctan(1 / x), entry by entry: a composition."""

@overload
def arccot(x: Any, *, name: str | None = None) -> Any: ...

@overload
def arccoth(x: Node, *, name: str | None = None) -> Node:
    """The inverse of the hyperbolic cotangent, artanh(1 / x), entry by entry: a composition."""

@overload
def arccoth(x: Any, *, name: str | None = None) -> Any: ...

@overload
def arccsc(x: Node, *, name: str | None = None) -> Node:
    """The inverse of the cosecant, arcsin(1 / x), entry by entry: a composition."""

@overload
def arccsc(x: Any, *, name: str | None = None) -> Any: ...

@overload
def arccsch(x: Node, *, name: str | None = None) -> Node:
    """The inverse of the hyperbolic cosecant, arsinh(1 / x), entry by entry: a composition."""

@overload
def arccsch(x: Any, *, name: str | None = None) -> Any: ...

@overload
def arcsec(x: Node, *, name: str | None = None) -> Node:
    """The inverse of the secant, arccos(1 / x), entry by entry: a composition."""

@overload
def arcsec(x: Any, *, name: str | None = None) -> Any: ...

@overload
def arcsech(x: Node, *, name: str | None = None) -> Node:
    """The inverse of the hyperbolic secant, arcosh(1 / x), entry by entry: a composition."""

@overload
def arcsech(x: Any, *, name: str | None = None) -> Any: ...

arcsin: _Unary
"""`arcsin`, as in NumPy.

Value: arcsin a
Local gradient for a: 1/√(1 − a²)
Domain: a in [-1, 1].

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

arcsinh: _Unary
"""`arcsinh`, as in NumPy.

Value: arsinh a
Local gradient for a: 1/√(a² + 1)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

arctan: _Unary
"""`arctan`, as in NumPy.

Value: arctan a
Local gradient for a: 1/(1 + a²)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

arctan2: _Binary
"""The angle of the point (x, y) = (b, a), from −π to π; its gradient at the origin is 0.

Value: angle of (b, a)
Local gradient for a: b/(a² + b²)
Local gradient for b: −a/(a² + b²)
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

arctanh: _Unary
"""`arctanh`, as in NumPy.

Value: artanh a
Local gradient for a: 1/(1 − a²)
Domain: a in (-1, 1).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def argmax(x: Node, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Where the largest entry is along `axis` (among all by default): a whole number, without a derivative."""

@overload
def argmax(x: Any, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Any: ...

@overload
def argmin(x: Node, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Where the smallest entry is along `axis` (among all by default): a whole number, without a derivative."""

@overload
def argmin(x: Any, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Any: ...

@overload
def argpartition(x: Node, kth: Any, axis: int | None = -1, kind: str = 'introselect', order: Any = None, *, name: str | None = None) -> Node:
    """The places of the entries in the order of `partition`: whole numbers, without a derivative."""

@overload
def argpartition(x: Any, kth: Any, axis: int | None = -1, kind: str = 'introselect', order: Any = None, *, name: str | None = None) -> Any: ...

@overload
def argsort(x: Node, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None, name: str | None = None) -> Node:
    """The places of the entries of `x` in rising order along `axis`: whole numbers, without a derivative."""

@overload
def argsort(x: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None, name: str | None = None) -> Any: ...

@overload
def array(x: Node, dtype: Any = None, *, name: str | None = None) -> Node:
    """An array of what nested lists hold, numbers and nodes: what ``np.array`` cannot do with nodes."""

@overload
def array(x: Any, dtype: Any = None, *, name: str | None = None) -> Any: ...

def array_split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """`x` cut along `axis` as `split` does, into parts that differ by at most 1 where they cannot be equal."""

@overload
def asarray(x: Node, dtype: Any = None, *, copy: bool | None = None, name: str | None = None) -> Node:
    """`x` itself if it is a node or an array of that dtype, else `array`."""

@overload
def asarray(x: Any, dtype: Any = None, *, copy: bool | None = None, name: str | None = None) -> Any: ...

@overload
def assign(x: Node, index: Any, value: Any, *, name: str | None = None) -> Node:
    """`x` with `value` at `index`: what ``x[index] = value`` would make of it. `x` itself stays what it was."""

@overload
def assign(x: Any, index: Any, value: Any, *, name: str | None = None) -> Any: ...

def atleast_1d(*arrays: Any) -> Any:
    """Arrays or nodes with axes of size 1 put in where they have fewer than 1, as in NumPy."""

def atleast_2d(*arrays: Any) -> Any:
    """Arrays or nodes with axes of size 1 put in where they have fewer than 2, as in NumPy."""

def atleast_3d(*arrays: Any) -> Any:
    """Arrays or nodes with axes of size 1 put in where they have fewer than 3, as in NumPy."""

def average(x: Any, axis: _Axis = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False, name: str | None = None) -> Any:
    """The mean over `axis`, weighted if `weights` are given; with `returned`, the sum of the weights too."""

bce: _Binary
"""Binary cross-entropy of a probability p and a label y, by the textbook formula: inf or nan at p = 0 and p = 1, on purpose. For training, use `stable_bce` on the logits.

Value: −b ln a − (1−b) ln(1−a)
Local gradient for a: (a−b) / (a(1−a))
Local gradient for b: ln(1−a) − ln a
Domain: a in (0, 1); b in [0, 1].

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def bincount(x: Node, weights: Any = None, minlength: int = 0, *, name: str | None = None) -> Node:
    """How often each whole number stands in `x`, an array that is known; with `weights`, which may be a node, their sums."""

@overload
def bincount(x: Any, weights: Any = None, minlength: int = 0, *, name: str | None = None) -> Any: ...

bitwise_and: _Binary
"""`bitwise_and`, as in NumPy.

Value: a & b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

bitwise_or: _Binary
"""`bitwise_or`, as in NumPy.

Value: a | b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

bitwise_xor: _Binary
"""`bitwise_xor`, as in NumPy.

Value: a xor b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def block(arrays: Sequence[Node], *, name: str | None = None) -> Node:
    """An array of blocks, from nested lists of them, as in NumPy."""

@overload
def block(arrays: Any, *, name: str | None = None) -> Any: ...

def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Arrays and nodes, each broadcast to the shape of all."""

@overload
def broadcast_to(x: Node, shape: Any, *, name: str | None = None) -> Node:
    """`x` repeated to `shape`, as NumPy broadcasts; the gradient is summed back.

    Raises:
        ShapeError: when the shapes do not fit.
    """

@overload
def broadcast_to(x: Any, shape: Any, *, name: str | None = None) -> Any: ...

c_: Any

@overload
def cast(x: Node, dtype: Any, *, name: str | None = None) -> Node:
    """`x` in another dtype: ``x.astype(dtype)``. The gradient comes back in the dtype of `x`; through whole numbers there is none.

    Raises:
        DTypeError: for dtypes that are not real numbers.
    """

@overload
def cast(x: Any, dtype: Any, *, name: str | None = None) -> Any: ...

cbrt: _Unary
"""The cube root, of negative numbers too, where it is as smooth. Like the square root, it has no finite slope at 0.

Value: ∛a
Local gradient for a: 1/(3·out²)
Domain: a in (0, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

ceil: _Unary
"""`ceil`, as in NumPy.

Value: ⌈a⌉
Local gradient for a: 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

def central_differences(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """``np.gradient``: slopes of samples, by central differences inside and one-sided ones at the ends.

    Called `central_differences` because ``cg.gradient`` is the derivative of a graph; ``np.gradient(node)`` comes here.

    Args:
        f: the samples.
        varargs: one spacing for all axes, or for each a number or an array of coordinates.
        axis: the axis, or axes; all by default.
        edge_order: 1 or 2: the order of the differences at the ends.

    Returns:
        The slopes along the axis; a list of them for several.
    """

@overload
def checkpoint(x: Node, *, name: str | None = None) -> Node:
    """`x` itself, marked as the end of a segment, which a compiled program computes again on the way back instead of keeping it.

    A long chain needs memory for every value that its gradients are made of. With a mark at every k-th step a compiled program
    keeps the marked ones, and one segment of the others at a time; the price is one more forward pass. A `Run` keeps everything.
    """

@overload
def checkpoint(x: Any, *, name: str | None = None) -> Any: ...

@overload
def choose(a: Node, choices: Any, mode: str = 'raise', *, name: str | None = None) -> Node:
    """Entry by entry one of the `choices`, by the whole numbers in `a`."""

@overload
def choose(a: Any, choices: Any, mode: str = 'raise', *, name: str | None = None) -> Any: ...

@overload
def clip(x: Node, min: Any = None, max: Any = None, *, a_min: Any = None, a_max: Any = None, name: str | None = None) -> Node:
    """`x` held between `min` and `max`, either of which may be None, a number, an array or a node; NumPy's `a_min`, `a_max` are the same.

    On a bound the gradient is shared half and half, as ``minimum(maximum(x, min), max)`` does.
    """

@overload
def clip(x: Any, min: Any = None, max: Any = None, *, a_min: Any = None, a_max: Any = None, name: str | None = None) -> Any: ...

@overload
def column_stack(arrays: Sequence[Node], *, name: str | None = None) -> Node:
    """Vectors as the columns of a matrix; matrices side by side."""

@overload
def column_stack(arrays: Sequence[Any], *, name: str | None = None) -> Any: ...

def compress(condition: Any, x: Any, axis: int | None = None, *, name: str | None = None) -> Any:
    """Entries of `x` along `axis` where `condition`, an array that is known, is true."""

@overload
def concatenate(arrays: Sequence[Node], axis: int | None = 0, *, dtype: Any = None, name: str | None = None) -> Node:
    """Arrays and nodes joined along an axis they have.

    Raises:
        ShapeError: when there is nothing to join, or the shapes differ in another axis.
    """

@overload
def concatenate(arrays: Sequence[Any], axis: int | None = 0, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def conjugate(x: Node, *, name: str | None = None) -> Node:
    """`x` itself, which is real."""

@overload
def conjugate(x: Any, *, name: str | None = None) -> Any: ...

@overload
def convolve(a: Node, v: Any, mode: str = 'full', *, name: str | None = None) -> Node:
    """The discrete convolution of two vectors; `mode` is "full", "same" or "valid"."""

@overload
def convolve(a: Any, v: Any, mode: str = 'full', *, name: str | None = None) -> Any: ...

copysign: _Binary
"""`copysign`, as in NumPy.

Value: |a| with the sign of b
Local gradient for a: sign a · sign b
Local gradient for b: 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def corrcoef(x: Node, y: Any = None, rowvar: bool = True, *, dtype: Any = None, name: str | None = None) -> Node:
    """The matrix of correlation coefficients of variables in rows (or columns, with ``rowvar=False``)."""

@overload
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def correlate(a: Node, v: Any, mode: str = 'valid', *, name: str | None = None) -> Node:
    """The cross-correlation of two vectors: `convolve` with `v` turned round."""

@overload
def correlate(a: Any, v: Any, mode: str = 'valid', *, name: str | None = None) -> Any: ...

cos: _Unary
"""`cos`, as in NumPy.

Value: cos a
Local gradient for a: −sin a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

cosh: _Unary
"""`cosh`, as in NumPy.

Value: cosh a
Local gradient for a: sinh a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def cot(x: Node, *, name: str | None = None) -> Node:
    """The cotangent, 1 / tan x, entry by entry: a composition."""

@overload
def cot(x: Any, *, name: str | None = None) -> Any: ...

@overload
def coth(x: Node, *, name: str | None = None) -> Node:
    """The hyperbolic cotangent, 1 / tanh x, entry by entry: a composition."""

@overload
def coth(x: Any, *, name: str | None = None) -> Any: ...

@overload
def count_nonzero(x: Node, axis: Any = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """How many entries over `axis` are not 0: a whole number, without a derivative."""

@overload
def count_nonzero(x: Any, axis: Any = None, *, keepdims: bool = False, name: str | None = None) -> Any: ...

@overload
def cov(m: Node, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None, aweights: Any = None, *, dtype: Any = None, name: str | None = None) -> Node:
    """The covariance matrix of variables in rows (or columns, with ``rowvar=False``).

    Args:
        m, y: observations of one variable (n,) or of several (k, n).
        bias, ddof: the divisor is n − 1, or n with `bias`, or n − ddof.
        fweights: (n,), how often each observation was made.
        aweights: (n,), how much each counts; a node, if you like, with a gradient.
    """

@overload
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None, aweights: Any = None, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def cross(a: Node, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None, *, name: str | None = None) -> Node:
    """The cross product of vectors of three entries (or two, whose third is 0) along an axis."""

@overload
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None, *, name: str | None = None) -> Any: ...

@overload
def csc(x: Node, *, name: str | None = None) -> Node:
    """The cosecant, 1 / sin x, entry by entry: a composition."""

@overload
def csc(x: Any, *, name: str | None = None) -> Any: ...

@overload
def csch(x: Node, *, name: str | None = None) -> Node:
    """The hyperbolic cosecant, 1 / sinh x, entry by entry: a composition."""

@overload
def csch(x: Any, *, name: str | None = None) -> Any: ...

@overload
def cummax(x: Node, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Node:
    """Running maxima along `axis` (of all entries in order by default): ``np.maximum.accumulate``. Ties share.

    Raises:
        ShapeError: when the axis is out of range, naming the node.
    """

@overload
def cummax(x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def cummin(x: Node, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Node:
    """Running minima along `axis` (of all entries in order by default): ``np.minimum.accumulate``. Ties share.

    Raises:
        ShapeError: when the axis is out of range, naming the node.
    """

@overload
def cummin(x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def cumprod(x: Node, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Node:
    """Running products along `axis` (of all entries in order by default); the gradient is right where entries are 0.

    Raises:
        ShapeError: when the axis is out of range, naming the node.
    """

@overload
def cumprod(x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def cumsum(x: Node, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Node:
    """Running sums along `axis`; of all entries in order, if it is not given.

    Raises:
        ShapeError: when the axis is out of range, naming the node.
    """

@overload
def cumsum(x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def cumulative_prod(x: Node, axis: int | None = None, dtype: Any = None, include_initial: bool = False, *, name: str | None = None) -> Node:
    """Running products along `axis`, as the array API has them; `include_initial` puts 1 before them."""

@overload
def cumulative_prod(x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False, *, name: str | None = None) -> Any: ...

@overload
def cumulative_sum(x: Node, axis: int | None = None, dtype: Any = None, include_initial: bool = False, *, name: str | None = None) -> Node:
    """Running sums along `axis`, as the array API has them; `include_initial` puts 0 before them."""

@overload
def cumulative_sum(x: Any, axis: int | None = None, dtype: Any = None, include_initial: bool = False, *, name: str | None = None) -> Any: ...

deg2rad: _Unary
"""`deg2rad`, as in NumPy.

Value: a·π/180
Local gradient for a: π/180

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def delete(x: Node, obj: Any, axis: int | None = None, *, name: str | None = None) -> Node:
    """`x` without the entries at `obj`, an index that is known, along `axis`."""

@overload
def delete(x: Any, obj: Any, axis: int | None = None, *, name: str | None = None) -> Any: ...

@overload
def diag(x: Node, k: int = 0, *, name: str | None = None) -> Node:
    """A matrix with the vector `x` on its diagonal; of a matrix, the diagonal."""

@overload
def diag(x: Any, k: int = 0, *, name: str | None = None) -> Any: ...

@overload
def diagflat(x: Node, k: int = 0, *, name: str | None = None) -> Node:
    """A matrix with all entries of `x`, in order, on its diagonal."""

@overload
def diagflat(x: Any, k: int = 0, *, name: str | None = None) -> Any: ...

@overload
def diagonal(x: Node, offset: int = 0, axis1: int = 0, axis2: int = 1, *, name: str | None = None) -> Node:
    """The diagonals in the plane of two axes, as a last axis."""

@overload
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, *, name: str | None = None) -> Any: ...

@overload
def diff(x: Node, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None, *, name: str | None = None) -> Node:
    """Differences of neighbours along `axis`, `n` times."""

@overload
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None, *, name: str | None = None) -> Any: ...

@overload
def digitize(x: Node, bins: Any, right: bool = False, *, name: str | None = None) -> Node:
    """Which of the rising `bins` each entry of `x` falls into: a whole number, without a derivative."""

@overload
def digitize(x: Any, bins: Any, right: bool = False, *, name: str | None = None) -> Any: ...

divide: _Binary
"""`divide`, as in NumPy.

Value: a / b
Local gradient for a: 1/b
Local gradient for b: −out/b

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

def divmod(a: Any, b: Any) -> tuple[Any, Any]:
    """``(a // b, a % b)``."""

@overload
def dot(a: Node, b: Any, *, name: str | None = None) -> Node:
    """NumPy's dot product: of vectors, of matrices, and over the last axis of `a` and the last but one of `b`."""

@overload
def dot(a: Any, b: Any, *, name: str | None = None) -> Any: ...

def dsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`x` cut along its third axis."""

@overload
def dstack(arrays: Sequence[Node], *, name: str | None = None) -> Node:
    """Arrays and nodes behind each other: joined along the third axis."""

@overload
def dstack(arrays: Sequence[Any], *, name: str | None = None) -> Any: ...

@overload
def ediff1d(x: Node, to_end: Any = None, to_begin: Any = None, *, name: str | None = None) -> Node:
    """Differences of neighbours among all entries in order, with something before and after them."""

@overload
def ediff1d(x: Any, to_end: Any = None, to_begin: Any = None, *, name: str | None = None) -> Any: ...

def einsum(*operands: Any, optimize: Any = False, dtype: Any = None, name: str | None = None) -> Any:
    """Einstein's summation, as in NumPy: ``einsum("ij,jk->ik", a, b)``. Its gradient is an einsum.

    Raises:
        ShapeError: when the letters do not fit the shapes.
    """

@overload
def elu(x: Node, alpha: Any = 1.0, *, name: str | None = None) -> Node:
    """`x` where it is positive, alpha·(e^x − 1) elsewhere.

    Source: D.-A. Clevert, T. Unterthiner and S. Hochreiter, arXiv:1511.07289.
    """

@overload
def elu(x: Any, alpha: Any = 1.0, *, name: str | None = None) -> Any: ...

equal: _Binary
"""`equal`, as in NumPy.

Value: a = b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

exp: _Unary
"""`exp`, as in NumPy.

Value: e^a
Local gradient for a: out

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

exp2: _Unary
"""`exp2`, as in NumPy.

Value: 2^a
Local gradient for a: out·ln 2

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def expand_dims(x: Node, axis: int | Sequence[int], *, name: str | None = None) -> Node:
    """`x` with axes of size 1 put in.

    Raises:
        ShapeError: when an axis is out of range of the result, or named twice.
    """

@overload
def expand_dims(x: Any, axis: int | Sequence[int], *, name: str | None = None) -> Any: ...

expm1: _Unary
"""`expm1`, as in NumPy.

Value: e^a − 1
Local gradient for a: e^a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

def extract(condition: Any, x: Any, *, name: str | None = None) -> Any:
    """Entries of `x` where `condition`, an array that is known, is true, in order."""

@overload
def fix(x: Node, *, name: str | None = None) -> Node:
    """`x` rounded towards 0: `trunc`."""

@overload
def fix(x: Any, *, name: str | None = None) -> Any: ...

@overload
def flip(x: Node, axis: Any = None, *, name: str | None = None) -> Node:
    """`x` in reverse order along `axis` (all axes by default)."""

@overload
def flip(x: Any, axis: Any = None, *, name: str | None = None) -> Any: ...

@overload
def fliplr(x: Node, *, name: str | None = None) -> Node:
    """`x` with its columns in reverse order."""

@overload
def fliplr(x: Any, *, name: str | None = None) -> Any: ...

@overload
def flipud(x: Node, *, name: str | None = None) -> Node:
    """`x` with its rows in reverse order."""

@overload
def flipud(x: Any, *, name: str | None = None) -> Any: ...

@overload
def float_power(a: Node, b: Any, *, name: str | None = None) -> Node:
    """`power` in float64 at least, as in NumPy."""

@overload
def float_power(a: Any, b: Any, *, name: str | None = None) -> Any: ...

floor: _Unary
"""`floor`, as in NumPy.

Value: ⌊a⌋
Local gradient for a: 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

floor_divide: _Binary
"""`floor_divide`, as in NumPy.

Value: ⌊a / b⌋
Local gradient for a: 0
Local gradient for b: 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

fmax: _Binary
"""`fmax`, as in NumPy.

Value: max(a, b), numbers before NaN
Local gradient for a: 1 if a > b, ½ if equal
Local gradient for b: 1 if b > a, ½ if equal
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

fmin: _Binary
"""`fmin`, as in NumPy.

Value: min(a, b), numbers before NaN
Local gradient for a: 1 if a < b, ½ if equal
Local gradient for b: 1 if b < a, ½ if equal
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

fmod: _Binary
"""What is left of a after whole multiples of b; it has the sign of a.

Value: fmod(a, b)
Local gradient for a: 1
Local gradient for b: −trunc(a/b)
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

def full(shape: Any, fill_value: Any, dtype: Any = None, *, name: str | None = None) -> Any:
    """An array of `shape` filled with a number or a node: what ``np.full`` cannot do with nodes."""

@overload
def gelu(x: Node, approximate: str = 'none', *, name: str | None = None) -> Node:
    """x·Φ(x), with the distribution function of the normal distribution.

    Args:
        approximate: "none", or "tanh" for x·σ(2u) with u = √(2/π)·(x + 0.044715 x³), which the authors give as an approximation.

    Source: D. Hendrycks and K. Gimpel, arXiv:1606.08415.
    """

@overload
def gelu(x: Any, approximate: str = 'none', *, name: str | None = None) -> Any: ...

gelu_slope: _Unary
"""The derivative of gelu, with φ and Φ the density and the distribution function of the normal distribution.

Value: Φ(a) + a·φ(a)
Local gradient for a: φ(a)·(2 − a²)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def geomspace(start: Node, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0, *, name: str | None = None) -> Node:
    """`num` positive numbers from `start` to `stop`, each the same multiple of the one before."""

@overload
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0, *, name: str | None = None) -> Any: ...

@overload
def getitem(x: Node, index: Any, *, name: str | None = None) -> Node:
    """``x[index]``: basic and fancy indexing as in NumPy. Entries picked twice get both gradients.

    An index of whole numbers for one axis may be a node, as `argmax` and `argsort` give it: ``x[i]``, ``x[:, i]``.

    Raises:
        ShapeError: when the index is out of range.
        UnsupportedError: when a node is used as a mask, or beside another index.
    """

@overload
def getitem(x: Any, index: Any, *, name: str | None = None) -> Any: ...

@overload
def glu(x: Node, axis: int = -1, *, name: str | None = None) -> Node:
    """The gated linear unit: the first half of `x` along an axis, times the sigmoid of the second.

    Raises:
        ShapeError: when the size is odd.
    """

@overload
def glu(x: Any, axis: int = -1, *, name: str | None = None) -> Any: ...

greater: _Binary
"""`greater`, as in NumPy.

Value: a > b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

greater_equal: _Binary
"""`greater_equal`, as in NumPy.

Value: a ≥ b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def hard_sigmoid(x: Node, *, name: str | None = None) -> Node:
    """x/6 + 1/2, clipped to [0, 1]: PyTorch's and ONNX's HardSwish use it."""

@overload
def hard_sigmoid(x: Any, *, name: str | None = None) -> Any: ...

@overload
def hard_swish(x: Node, *, name: str | None = None) -> Node:
    """``x * hard_sigmoid(x)``."""

@overload
def hard_swish(x: Any, *, name: str | None = None) -> Any: ...

@overload
def hard_tanh(x: Node, lower_bound: Any = -1.0, upper_bound: Any = 1.0, *, name: str | None = None) -> Node:
    """`x` clipped to [-1, 1], or to the bounds given."""

@overload
def hard_tanh(x: Any, lower_bound: Any = -1.0, upper_bound: Any = 1.0, *, name: str | None = None) -> Any: ...

heaviside: _Binary
"""`heaviside`, as in NumPy.

Value: 1 if a > 0, b at 0, else 0
Local gradient for a: 0
Local gradient for b: 1 where a = 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

def hsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`x` cut into columns; a vector into parts."""

@overload
def hstack(arrays: Sequence[Node], *, dtype: Any = None, name: str | None = None) -> Node:
    """Arrays and nodes side by side: joined along the second axis; vectors along their only one."""

@overload
def hstack(arrays: Sequence[Any], *, dtype: Any = None, name: str | None = None) -> Any: ...

hypot: _Binary
"""The length of (a, b), without overflow; its gradient at the origin is 0.

Value: √(a² + b²)
Local gradient for a: a/out
Local gradient for b: b/out
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def imag(x: Node, *, name: str | None = None) -> Node:
    """Zeros: `x` is real."""

@overload
def imag(x: Any, *, name: str | None = None) -> Any: ...

@overload
def inner(a: Node, b: Any, *, name: str | None = None) -> Node:
    """The sum of products over the last axes."""

@overload
def inner(a: Any, b: Any, *, name: str | None = None) -> Any: ...

@overload
def insert(x: Node, obj: Any, values: Any, axis: int | None = None, *, name: str | None = None) -> Node:
    """`x` with `values` put in before the entries at `obj`, an index that is known, along `axis`."""

@overload
def insert(x: Any, obj: Any, values: Any, axis: int | None = None, *, name: str | None = None) -> Any: ...

@overload
def interp(x: Node, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None, *, name: str | None = None) -> Node:
    """The broken line through the points (`xp`, `fp`), `xp` rising, at `x`; `left` and `right` of it constant.

    With `period` the line goes on periodically, `xp` is in any order, and `left` and `right` say nothing, as in NumPy.
    `x`, `xp` and `fp` may be nodes. On a point the slope is the mean of those on its two sides.
    """

@overload
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None, *, name: str | None = None) -> Any: ...

invert: _Unary
"""`invert`, as in NumPy.

Value: not a, bit by bit
Local gradient for a: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def isclose(a: Node, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False, *, name: str | None = None) -> Node:
    """Where ``|a − b| ≤ atol + rtol·|b|``; infinities are close to themselves, NaN to NaN with `equal_nan`."""

@overload
def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False, *, name: str | None = None) -> Any: ...

def iscomplex(x: Any) -> _Array:
    """Where `x` has an imaginary part: nowhere."""

isfinite: _Unary
"""`isfinite`, as in NumPy.

Value: is a finite
Local gradient for a: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

isinf: _Unary
"""`isinf`, as in NumPy.

Value: is a infinite
Local gradient for a: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

isnan: _Unary
"""`isnan`, as in NumPy.

Value: is a NaN
Local gradient for a: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def isneginf(x: Node, *, name: str | None = None) -> Node:
    """Where `x` is −∞."""

@overload
def isneginf(x: Any, *, name: str | None = None) -> Any: ...

@overload
def isposinf(x: Node, *, name: str | None = None) -> Node:
    """Where `x` is +∞."""

@overload
def isposinf(x: Any, *, name: str | None = None) -> Any: ...

def isreal(x: Any) -> _Array:
    """Where `x` has no imaginary part: everywhere."""

@overload
def keras_bce(p: Node, y: Any, from_logits: bool = False, *, name: str | None = None) -> Node:
    """Binary cross-entropy as Keras computes it: `p` clipped to [1e-7, 1 − 1e-7], turned back into logits, then `stable_bce`.

    Args:
        p: probabilities, or logits with `from_logits`.
        y: labels, of the same shape.
    """

@overload
def keras_bce(p: Any, y: Any, from_logits: bool = False, *, name: str | None = None) -> Any: ...

@overload
def kron(a: Node, b: Any, *, name: str | None = None) -> Node:
    """The Kronecker product: `b`, once for each entry of `a` and times it."""

@overload
def kron(a: Any, b: Any, *, name: str | None = None) -> Any: ...

@overload
def ldexp(x: Node, exponent: Any, *, name: str | None = None) -> Node:
    """``x · 2**exponent``."""

@overload
def ldexp(x: Any, exponent: Any, *, name: str | None = None) -> Any: ...

@overload
def leaky_relu(x: Node, negative_slope: Any = 0.01, *, name: str | None = None) -> Node:
    """`x` where it is positive, a fraction of it elsewhere; at 0 its slope is `negative_slope`."""

@overload
def leaky_relu(x: Any, negative_slope: Any = 0.01, *, name: str | None = None) -> Any: ...

left_shift: _Binary
"""`left_shift`, as in NumPy.

Value: a << b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

less: _Binary
"""`less`, as in NumPy.

Value: a < b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

less_equal: _Binary
"""`less_equal`, as in NumPy.

Value: a ≤ b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def linear_recurrence(a: Node, b: Any, axis: int = 0, *, name: str | None = None) -> Node:
    """``h[0] = b[0]``, ``h[i] = a[i]·h[i−1] + b[i]`` along `axis`: discounted sums, exponential averages, linear filters.

    Raises:
        ShapeError: when the shapes of `a` and `b` do not broadcast.
    """

@overload
def linear_recurrence(a: Any, b: Any, axis: int = 0, *, name: str | None = None) -> Any: ...

def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0, *, name: str | None = None) -> Any:
    """`num` numbers from `start` to `stop`, which may be nodes, in equal steps."""

log: _Unary
"""`log`, as in NumPy.

Value: ln a
Local gradient for a: 1/a
Domain: a in (0, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

log10: _Unary
"""`log10`, as in NumPy.

Value: log₁₀ a
Local gradient for a: 1/(a ln 10)
Domain: a in (0, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

log1mexp: _Unary
"""ln(1 − e^x) for x < 0, accurate at both ends: near 0 and far below it.

Value: ln(1 − e^a)
Local gradient for a: −1/(e^(−a) − 1)
Domain: a in (-∞, 0).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

log1p: _Unary
"""`log1p`, as in NumPy.

Value: ln(1 + a)
Local gradient for a: 1/(1 + a)
Domain: a in (-1, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

log2: _Unary
"""`log2`, as in NumPy.

Value: log₂ a
Local gradient for a: 1/(a ln 2)
Domain: a in (0, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

log_sigmoid: _Unary
"""The logarithm of the sigmoid, −softplus(−x), without taking the logarithm of anything small.

Value: ln σ(a)
Local gradient for a: σ(−a)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def log_softmax(x: Node, axis: _Axis = -1, *, name: str | None = None) -> Node:
    """``log(softmax(x))`` without taking the logarithm of anything small.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def log_softmax(x: Any, axis: _Axis = -1, *, name: str | None = None) -> Any: ...

logaddexp: _Binary
"""`logaddexp`, as in NumPy.

Value: ln(e^a + e^b)
Local gradient for a: σ(a − b)
Local gradient for b: σ(b − a)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

logaddexp2: _Binary
"""log₂(2ᵃ + 2ᵇ) without overflow, as in NumPy.

Value: log₂(2^a + 2^b)
Local gradient for a: σ(ln 2·(a − b))
Local gradient for b: σ(ln 2·(b − a))

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

logaddexp_slope: _Binary
"""The share that e^a has in e^a + e^b: the derivative of `logaddexp`; one half where both are equal, also where both are infinite.

Value: σ(a − b)
Local gradient for a: σ′(a − b)
Local gradient for b: −σ′(a − b)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

logical_and: _Binary
"""`logical_and`, as in NumPy.

Value: a and b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

logical_not: _Unary
"""`logical_not`, as in NumPy.

Value: not a
Local gradient for a: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

logical_or: _Binary
"""`logical_or`, as in NumPy.

Value: a or b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

logical_xor: _Binary
"""`logical_xor`, as in NumPy.

Value: either a or b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

logit: _Unary
"""The logit of which a probability is the sigmoid, accurate also near 1/2; −inf at 0 and inf at 1.

Value: ln(a/(1−a))
Local gradient for a: 1/(a(1−a))
Domain: a in (0, 1).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def logspace(start: Node, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0, *, name: str | None = None) -> Node:
    """`num` numbers from ``base**start`` to ``base**stop``, each the same multiple of the one before."""

@overload
def logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0, *, name: str | None = None) -> Any: ...

@overload
def logsumexp(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """``log(sum(exp(x)))`` over `axis`, without overflow and without losing the small terms.

    Value: ln Σ e^a
    Local gradient for a: softmax(a)

    Source: the largest term taken out, the others added by log1p (Blanchard, Higham and Higham 2021)

    Args:
        x: an array or a node.
        axis: the axis, or axes, to reduce; all by default.
        keepdims: keep them as axes of size 1.
        dtype: what to compute in.
        initial, where: as in NumPy: a first number to start from, and which entries count.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def logsumexp(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def mT(x: Node, *, name: str | None = None) -> Node:
    """The last two axes of `x` exchanged: each matrix of a stack transposed."""

@overload
def mT(x: Any, *, name: str | None = None) -> Any: ...

@overload
def matmul(a: Node, b: Any, *, name: str | None = None) -> Node:
    """The matrix product ``a @ b``: vectors and stacks of matrices as in NumPy.

    Raises:
        ShapeError: when the inner dimensions differ, naming both operands.
    """

@overload
def matmul(a: Any, b: Any, *, name: str | None = None) -> Any: ...

@overload
def matvec(a: Node, b: Any, *, name: str | None = None) -> Node:
    """Stacks of matrices times stacks of vectors."""

@overload
def matvec(a: Any, b: Any, *, name: str | None = None) -> Any: ...

@overload
def max(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The largest entry over `axis`; entries that tie share the gradient equally.

    Value: max a
    Local gradient for a: 1 at the maximum, ties share
    It has kinks; its local gradient there is a convention (docs/conventions.md).

    Args:
        x: an array or a node.
        axis: the axis, or axes, to reduce; all by default.
        keepdims: keep them as axes of size 1.
        dtype: what to compute in.
        initial, where: as in NumPy: a first number to start from, and which entries count.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def max(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

maximum: _Binary
"""`maximum`, as in NumPy.

Value: max(a, b)
Local gradient for a: 1 if a > b, ½ if equal
Local gradient for b: 1 if b > a, ½ if equal
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def mean(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The mean over `axis` (all axes by default); NaN over nothing. With `where`, of the entries where it is true.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def mean(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def median(x: Node, axis: _Axis = None, overwrite_input: bool = False, keepdims: bool = False, *, name: str | None = None) -> Node:
    """The middle entry over `axis`, or the mean of the two in the middle."""

@overload
def median(x: Any, axis: _Axis = None, overwrite_input: bool = False, keepdims: bool = False, *, name: str | None = None) -> Any: ...

def meshgrid(*xi: Any, sparse: bool = False, indexing: str = 'xy') -> tuple[Any, ...]:
    """Coordinates of a grid from the coordinates along its axes, as in NumPy."""

@overload
def min(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The smallest entry over `axis`; entries that tie share the gradient equally.

    Value: min a
    Local gradient for a: 1 at the minimum, ties share
    It has kinks; its local gradient there is a convention (docs/conventions.md).

    Args:
        x: an array or a node.
        axis: the axis, or axes, to reduce; all by default.
        keepdims: keep them as axes of size 1.
        dtype: what to compute in.
        initial, where: as in NumPy: a first number to start from, and which entries count.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def min(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

minimum: _Binary
"""`minimum`, as in NumPy.

Value: min(a, b)
Local gradient for a: 1 if a < b, ½ if equal
Local gradient for b: 1 if b < a, ½ if equal
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

mish: _Unary
"""`mish`, as in NumPy.

Value: a·tanh(ln(1 + e^a))
Local gradient for a: tanh s + a·σ(a)·(1 − tanh² s), s = ln(1 + e^a)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.

Source: D. Misra, arXiv:1908.08681
"""

def modf(x: Any) -> tuple[Any, Any]:
    """The fractional part of `x`, whose local gradient is 1, and the whole part; both have the sign of `x`."""

@overload
def moveaxis(x: Node, source: Any, destination: Any, *, name: str | None = None) -> Node:
    """`x` with axes moved to new places; the others keep their order."""

@overload
def moveaxis(x: Any, source: Any, destination: Any, *, name: str | None = None) -> Any: ...

mse: _Binary
"""Half the squared error, so that its mean is 1/(2m) Σ (p − y)².

Value: ½ (a − b)²
Local gradient for a: a − b
Local gradient for b: b − a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def multi_matmul(matrices: Sequence[Node], *, name: str | None = None) -> Node:
    """The product of matrices, from left to right; `cgraph.linalg.multi_dot` looks for the cheapest order."""

@overload
def multi_matmul(matrices: Sequence[Any], *, name: str | None = None) -> Any: ...

multiply: _Binary
"""`multiply`, as in NumPy.

Value: a·b
Local gradient for a: b
Local gradient for b: a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

def multiply_sequence(*factors: Any, name: str | None = None) -> Any:
    """The product, entry by entry, of its operands, as MyGrad has it."""

@overload
def nan_to_num(x: Node, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None, *, name: str | None = None) -> Node:
    """`x` with numbers in the place of NaN and infinities; there the local gradient is 0, elsewhere 1."""

@overload
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None, *, name: str | None = None) -> Any: ...

@overload
def nanargmax(x: Node, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Where the largest entry that is not NaN is along `axis`."""

@overload
def nanargmax(x: Any, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Any: ...

@overload
def nanargmin(x: Node, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Node:
    """Where the smallest entry that is not NaN is along `axis`."""

@overload
def nanargmin(x: Any, axis: int | None = None, *, keepdims: bool = False, name: str | None = None) -> Any: ...

@overload
def nancumprod(x: Node, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Node:
    """Running products that pass over NaN."""

@overload
def nancumprod(x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def nancumsum(x: Node, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Node:
    """Running sums that pass over NaN."""

@overload
def nancumsum(x: Any, axis: int | None = None, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def nanmax(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The largest over `axis` of the entries that are not NaN; NaN gets a local gradient of 0."""

@overload
def nanmax(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def nanmean(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The mean over `axis` of the entries that are not NaN."""

@overload
def nanmean(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def nanmedian(x: Node, axis: _Axis = None, overwrite_input: bool = False, keepdims: bool = False, *, name: str | None = None) -> Node:
    """The median over `axis` of the entries that are not NaN."""

@overload
def nanmedian(x: Any, axis: _Axis = None, overwrite_input: bool = False, keepdims: bool = False, *, name: str | None = None) -> Any: ...

@overload
def nanmin(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The smallest over `axis` of the entries that are not NaN; NaN gets a local gradient of 0."""

@overload
def nanmin(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def nanpercentile(x: Node, q: Any, axis: _Axis = None, overwrite_input: bool = False, method: str = 'linear', keepdims: bool = False, *, weights: Any = None, name: str | None = None) -> Node:
    """`nanquantile` with `q` in percent."""

@overload
def nanpercentile(x: Any, q: Any, axis: _Axis = None, overwrite_input: bool = False, method: str = 'linear', keepdims: bool = False, *, weights: Any = None, name: str | None = None) -> Any: ...

@overload
def nanprod(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The product over `axis` of the entries that are not NaN; NaN gets a local gradient of 0."""

@overload
def nanprod(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def nanquantile(x: Node, q: Any, axis: _Axis = None, overwrite_input: bool = False, method: str = 'linear', keepdims: bool = False, *, weights: Any = None, name: str | None = None) -> Node:
    """`quantile` of the entries that are not NaN, by linear interpolation."""

@overload
def nanquantile(x: Any, q: Any, axis: _Axis = None, overwrite_input: bool = False, method: str = 'linear', keepdims: bool = False, *, weights: Any = None, name: str | None = None) -> Any: ...

@overload
def nanstd(x: Node, axis: _Axis = None, ddof: float = 0, keepdims: bool = False, *, dtype: Any = None, correction: float | None = None, where: Any = None, mean: Any = None, name: str | None = None) -> Node:
    """The standard deviation over `axis` of the entries that are not NaN."""

@overload
def nanstd(x: Any, axis: _Axis = None, ddof: float = 0, keepdims: bool = False, *, dtype: Any = None, correction: float | None = None, where: Any = None, mean: Any = None, name: str | None = None) -> Any: ...

@overload
def nansum(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The sum over `axis` of the entries that are not NaN; NaN gets a local gradient of 0."""

@overload
def nansum(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def nanvar(x: Node, axis: _Axis = None, ddof: float = 0, keepdims: bool = False, *, dtype: Any = None, correction: float | None = None, where: Any = None, mean: Any = None, name: str | None = None) -> Node:
    """The variance over `axis` of the entries that are not NaN; NaN where there are too few of them."""

@overload
def nanvar(x: Any, axis: _Axis = None, ddof: float = 0, keepdims: bool = False, *, dtype: Any = None, correction: float | None = None, where: Any = None, mean: Any = None, name: str | None = None) -> Any: ...

negative: _Unary
"""`negative`, as in NumPy.

Value: −a
Local gradient for a: −1

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

not_equal: _Binary
"""`not_equal`, as in NumPy.

Value: a ≠ b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def outer(a: Node, b: Any, *, name: str | None = None) -> Node:
    """All products of an entry of `a` with an entry of `b`, both flattened."""

@overload
def outer(a: Any, b: Any, *, name: str | None = None) -> Any: ...

@overload
def pad(x: Node, pad_width: Any, mode: Any = 'constant', *, name: str | None = None, **options: Any) -> Node:
    """`x` with a border: NumPy's modes and their options (``constant_values=``, ``reflect_type=``, ``stat_length=``, ``end_values=``).

    Raises:
        UnsupportedError: for a mode that is a function, and for "empty", which would leave the border undefined.
    """

@overload
def pad(x: Any, pad_width: Any, mode: Any = 'constant', *, name: str | None = None, **options: Any) -> Any: ...

@overload
def partition(x: Node, kth: Any, axis: int | None = -1, kind: str = 'introselect', order: Any = None, *, name: str | None = None) -> Node:
    """`x` with its `kth` smallest entry along `axis` in its place, smaller ones before and larger ones after it."""

@overload
def partition(x: Any, kth: Any, axis: int | None = -1, kind: str = 'introselect', order: Any = None, *, name: str | None = None) -> Any: ...

@overload
def percentile(x: Node, q: Any, axis: _Axis = None, overwrite_input: bool = False, method: str = 'linear', keepdims: bool = False, *, weights: Any = None, name: str | None = None) -> Node:
    """`quantile` with `q` in percent."""

@overload
def percentile(x: Any, q: Any, axis: _Axis = None, overwrite_input: bool = False, method: str = 'linear', keepdims: bool = False, *, weights: Any = None, name: str | None = None) -> Any: ...

pos_weighted_bce: _Ternary
"""Binary cross-entropy of a logit and a label in which positive examples count c times; see `weighted_bce`.

Value: c b ln(1+e^(−a)) + (1−b) ln(1+e^a)
Local gradient for a: (1−b)σ(a) − c b σ(−a)
Local gradient for b: c ln(1+e^(−a)) − ln(1+e^a)
Local gradient for c: b ln(1+e^(−a))
Domain: b in [0, 1]; c in [0, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 3 operands.
"""

pos_weighted_bce_slope: _Ternary
"""The derivative of `pos_weighted_bce`.

Value: (1−b)σ(a) − c b σ(−a)
Local gradient for a: (1−b+c b)σ′(a)
Local gradient for b: −(σ(a) + c σ(−a))
Local gradient for c: −b σ(−a)
Domain: b in [0, 1]; c in [0, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 3 operands.
"""

positive: _Unary
"""`positive`, as in NumPy.

Value: +a
Local gradient for a: 1

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

power: _Binary
"""`power`, as in NumPy.

Value: a^b
Local gradient for a: b·a^(b−1)
Local gradient for b: ln(a)·out
Domain: a in (0, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def prelu(x: Node, weight: Any, *, name: str | None = None) -> Node:
    """`leaky_relu` with a slope that is trained: one number, or one a channel (axis 1 of `x`)."""

@overload
def prelu(x: Any, weight: Any, *, name: str | None = None) -> Any: ...

@overload
def prod(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The product over `axis`; the gradient is right where entries are zero, too.

    Value: Π a
    Local gradient for a: product of the others

    Source: the products of the others by a binary tree, as zeros forbid out / x

    Args:
        x: an array or a node.
        axis: the axis, or axes, to reduce; all by default.
        keepdims: keep them as axes of size 1.
        dtype: what to compute in.
        initial, where: as in NumPy: a first number to start from, and which entries count.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def prod(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def ptp(x: Node, axis: _Axis = None, keepdims: bool = False, *, name: str | None = None) -> Node:
    """The largest less the smallest entry over `axis`."""

@overload
def ptp(x: Any, axis: _Axis = None, keepdims: bool = False, *, name: str | None = None) -> Any: ...

@overload
def quantile(x: Node, q: Any, axis: _Axis = None, overwrite_input: bool = False, method: str = 'linear', keepdims: bool = False, *, weights: Any = None, name: str | None = None) -> Node:
    """The value below which a share `q` (a number or an array that is known) of the entries over `axis` lies.

    Args:
        x, axis, keepdims: as in `mean`.
        method: NumPy's, of R. J. Hyndman and Y. Fan (1996). Where one jumps, its value goes over from one entry to the next.
        weights: of the shape of `x`, or a vector along one axis; as in NumPy only with ``method="inverted_cdf"``. They decide which
            entry is taken and have no derivative.

    Raises:
        UnsupportedError: for a `q` that is a node, a method that is not there, and weights with another method.
    """

@overload
def quantile(x: Any, q: Any, axis: _Axis = None, overwrite_input: bool = False, method: str = 'linear', keepdims: bool = False, *, weights: Any = None, name: str | None = None) -> Any: ...

r_: Any

rad2deg: _Unary
"""`rad2deg`, as in NumPy.

Value: a·180/π
Local gradient for a: 180/π

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def real(x: Node, *, name: str | None = None) -> Node:
    """`x` itself, which is real."""

@overload
def real(x: Any, *, name: str | None = None) -> Any: ...

@overload
def real_if_close(x: Node, tol: float = 100) -> Node:
    """`x` itself, which is real."""

@overload
def real_if_close(x: Any, tol: float = 100) -> Any: ...

reciprocal: _Unary
"""`reciprocal`, as in NumPy.

Value: 1 / a
Local gradient for a: −out²

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

relu: _Unary
"""`relu`, as in NumPy.

Value: max(0, a)
Local gradient for a: 1 if a > 0, else 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def relu6(x: Node, *, name: str | None = None) -> Node:
    """``min(relu(x), 6)``."""

@overload
def relu6(x: Any, *, name: str | None = None) -> Any: ...

remainder: _Binary
"""What is left of a after whole multiples of b; it has the sign of b.

Value: a mod b
Local gradient for a: 1
Local gradient for b: −⌊a/b⌋
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def repeat(x: Node, repeats: Any, axis: int | None = None, *, name: str | None = None) -> Node:
    """Each entry of `x` several times along `axis`; of all entries in order, if it is not given."""

@overload
def repeat(x: Any, repeats: Any, axis: int | None = None, *, name: str | None = None) -> Any: ...

@overload
def reshape(x: Node, shape: Any, order: str = 'C', *, name: str | None = None) -> Node:
    """The entries of `x`, in order, in another shape; one size may be -1. ``order="F"`` reads and writes them column by column.

    Raises:
        ShapeError: when the entries do not fill the shape.
    """

@overload
def reshape(x: Any, shape: Any, order: str = 'C', *, name: str | None = None) -> Any: ...

right_shift: _Binary
"""`right_shift`, as in NumPy.

Value: a >> b
Local gradient for a: none
Local gradient for b: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

rint: _Unary
"""`rint`, as in NumPy.

Value: a, rounded
Local gradient for a: 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def roll(x: Node, shift: Any, axis: Any = None, *, name: str | None = None) -> Node:
    """`x` with its entries moved round along `axis`; those that leave at the end come in at the beginning."""

@overload
def roll(x: Any, shift: Any, axis: Any = None, *, name: str | None = None) -> Any: ...

@overload
def rollaxis(x: Node, axis: int, start: int = 0, *, name: str | None = None) -> Node:
    """`x` with one axis moved before another: `moveaxis` is easier to read."""

@overload
def rollaxis(x: Any, axis: int, start: int = 0, *, name: str | None = None) -> Any: ...

@overload
def rot90(x: Node, k: int = 1, axes: Sequence[int] = (0, 1), *, name: str | None = None) -> Node:
    """`x` turned by 90 degrees, `k` times, in the plane of two axes."""

@overload
def rot90(x: Any, k: int = 1, axes: Sequence[int] = (0, 1), *, name: str | None = None) -> Any: ...

@overload
def round(x: Node, decimals: int = 0, *, name: str | None = None) -> Node:
    """`x` rounded to `decimals` digits after the point, halves to even; its local gradient is 0."""

@overload
def round(x: Any, decimals: int = 0, *, name: str | None = None) -> Any: ...

@overload
def row_stack(arrays: Sequence[Node], *, dtype: Any = None, name: str | None = None) -> Node:
    """`vstack` by another name."""

@overload
def row_stack(arrays: Sequence[Any], *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def searchsorted(a: Node, v: Any, side: str = 'left', sorter: Any = None, *, name: str | None = None) -> Node:
    """Where entries of `v` would stand in the sorted vector `a`: whole numbers, without a derivative."""

@overload
def searchsorted(a: Any, v: Any, side: str = 'left', sorter: Any = None, *, name: str | None = None) -> Any: ...

@overload
def sec(x: Node, *, name: str | None = None) -> Node:
    """The secant, 1 / cos x, entry by entry: a composition."""

@overload
def sec(x: Any, *, name: str | None = None) -> Any: ...

@overload
def sech(x: Node, *, name: str | None = None) -> Node:
    """The hyperbolic secant, 1 / cosh x, entry by entry: a composition."""

@overload
def sech(x: Any, *, name: str | None = None) -> Any: ...

def select(condlist: Any, choicelist: Any, default: Any = 0, *, name: str | None = None) -> Any:
    """Entry by entry the choice of the first condition that is true; `default` where none is."""

@overload
def selu(x: Node, *, name: str | None = None) -> Node:
    """The self-normalizing ELU: scale·elu(x, alpha), with the constants of G. Klambauer et al., arXiv:1706.02515."""

@overload
def selu(x: Any, *, name: str | None = None) -> Any: ...

sigmoid: _Unary
"""The logistic function, accurate in both tails. Its partial out·(1−out) is computed by `sigmoid_slope`, where 1 − out has no digits left.

Value: 1 / (1 + e^(−a))
Local gradient for a: out(1−out)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

sigmoid_slope: _Unary
"""The derivative of the sigmoid, e^−|x| / (1 + e^−|x|)², accurate in both tails.

Value: σ(a)(1−σ(a))
Local gradient for a: −out·tanh(a/2)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

sign: _Unary
"""`sign`, as in NumPy.

Value: sign a
Local gradient for a: 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

signbit: _Unary
"""`signbit`, as in NumPy.

Value: is the sign of a −
Local gradient for a: none

Shapes: the operands broadcast as in NumPy. Dtype: as in NumPy; not differentiable.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

silu: _Unary
"""x·σ(x), also called swish.

Value: a·σ(a)
Local gradient for a: σ(a) + a·σ′(a)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.

Source: P. Ramachandran, B. Zoph and Q. V. Le, arXiv:1710.05941
"""

sin: _Unary
"""`sin`, as in NumPy.

Value: sin a
Local gradient for a: cos a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

sinc: _Unary
"""sin(πx)/(πx), 1 at 0, as in NumPy.

Value: sin(πa)/(πa)
Local gradient for a: (cos πa − out)/a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

sinh: _Unary
"""`sinh`, as in NumPy.

Value: sinh a
Local gradient for a: cosh a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def softmax(x: Node, axis: _Axis = -1, *, name: str | None = None) -> Node:
    """``exp(x) / sum(exp(x))`` over `axis`, without overflow.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def softmax(x: Any, axis: _Axis = -1, *, name: str | None = None) -> Any: ...

softplus: _Unary
"""`softplus`, as in NumPy.

Value: ln(1 + e^a)
Local gradient for a: σ(a)

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

softsign: _Unary
"""`softsign`, as in NumPy.

Value: a / (1 + |a|)
Local gradient for a: 1/(1 + |a|)²

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def sort(x: Node, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None, name: str | None = None) -> Node:
    """`x` in rising order along `axis`; entries that tie share the gradient equally."""

@overload
def sort(x: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None, name: str | None = None) -> Any: ...

def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """`x` cut along `axis` into equal parts, or at the given indices, as in NumPy.

    Raises:
        ShapeError: when the parts would not be equal, or the size along the axis is not known.
    """

sqrt: _Unary
"""`sqrt`, as in NumPy.

Value: √a
Local gradient for a: 1/(2·out)
Domain: a in [0, ∞).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

square: _Unary
"""`square`, as in NumPy.

Value: a²
Local gradient for a: 2·a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def squeeze(x: Node, axis: int | Sequence[int] | None = None, *, name: str | None = None) -> Node:
    """`x` without its axes of size 1, or without those named, which must have size 1.

    Raises:
        ShapeError: when an axis that is named has another size.
    """

@overload
def squeeze(x: Any, axis: int | Sequence[int] | None = None, *, name: str | None = None) -> Any: ...

stable_bce: _Binary
"""Binary cross-entropy of a logit z and a label y: sigmoid and cross-entropy fused into one node, finite everywhere and accurate in both tails. The local gradient is σ(z) − y, computed by `stable_bce_slope`, which does not cancel.

Value: max(a, 0) − b·a + ln(1 + e^(−|a|))
Local gradient for a: σ(a) − b
Local gradient for b: −a
Domain: b in [0, 1].

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

stable_bce_slope: _Binary
"""σ(z) − y, the derivative of `stable_bce`, as (1−y)σ(z) − yσ(−z), which does not cancel at a label of 0 or 1.

Value: σ(a) − b
Local gradient for a: σ(a)(1−σ(a))
Local gradient for b: −1
Domain: b in [0, 1].

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def stable_cross_entropy(logits: Node, labels: Any, axis: int = -1, *, name: str | None = None) -> Node:
    """Cross-entropy over classes from logits: softmax, logarithm and sum fused into one node. One loss an example; take the mean.

    Args:
        logits: unnormalised scores, classes along `axis`.
        labels: the class of each example as whole numbers, of the shape of `logits` without `axis`; or a distribution over classes
            (one-hot or soft), of the shape of `logits`.
        axis: where the classes are.

    Raises:
        ShapeError: when logits and labels do not go together.
        DTypeError: when class numbers are not whole numbers.
    """

@overload
def stable_cross_entropy(logits: Any, labels: Any, axis: int = -1, *, name: str | None = None) -> Any: ...

@overload
def stack(arrays: Sequence[Node], axis: int = 0, *, dtype: Any = None, name: str | None = None) -> Node:
    """Arrays and nodes of one shape joined along a new axis.

    Raises:
        ShapeError: when there is nothing to join, or the shapes differ.
    """

@overload
def stack(arrays: Sequence[Any], axis: int = 0, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def std(x: Node, axis: _Axis = None, ddof: float = 0, keepdims: bool = False, *, dtype: Any = None, correction: float | None = None, where: Any = None, mean: Any = None, name: str | None = None) -> Node:
    """The standard deviation over `axis`: the root of `var`; like the root, it has no finite gradient where entries do not differ.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def std(x: Any, axis: _Axis = None, ddof: float = 0, keepdims: bool = False, *, dtype: Any = None, correction: float | None = None, where: Any = None, mean: Any = None, name: str | None = None) -> Any: ...

step: _Binary
"""1 where a > b, 1/2 where they are equal, 0 elsewhere: how maximum and minimum share a gradient.

Value: 1 if a > b, ½ if equal, else 0
Local gradient for a: 0
Local gradient for b: 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def stop_gradient(x: Node, *, name: str | None = None) -> Node:
    """`x` itself, through which no gradient flows."""

@overload
def stop_gradient(x: Any, *, name: str | None = None) -> Any: ...

subtract: _Binary
"""`subtract`, as in NumPy.

Value: a − b
Local gradient for a: 1
Local gradient for b: −1

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 2 operands.
"""

@overload
def sum(x: Node, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Node:
    """The sum over `axis` (all axes by default).

    Value: Σ a
    Local gradient for a: 1

    Args:
        x: an array or a node.
        axis: the axis, or axes, to reduce; all by default.
        keepdims: keep them as axes of size 1.
        dtype: what to compute in.
        initial, where: as in NumPy: a first number to start from, and which entries count.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def sum(x: Any, axis: _Axis = None, keepdims: bool = False, *, dtype: Any = None, initial: Any = None, where: Any = None, name: str | None = None) -> Any: ...

@overload
def sum_to(x: Node, shape: Any, *, name: str | None = None) -> Node:
    """`x` summed over the axes along which `shape` would be broadcast to it: the adjoint of `broadcast_to`.

    Raises:
        ShapeError: when `shape` does not broadcast to that of `x`.
    """

@overload
def sum_to(x: Any, shape: Any, *, name: str | None = None) -> Any: ...

@overload
def swapaxes(x: Node, axis1: int, axis2: int, *, name: str | None = None) -> Node:
    """`x` with two axes exchanged.

    Raises:
        ShapeError: when an axis is out of range.
    """

@overload
def swapaxes(x: Any, axis1: int, axis2: int, *, name: str | None = None) -> Any: ...

@overload
def swish(x: Node, *, name: str | None = None) -> Node:
    """`silu` under its other name."""

@overload
def swish(x: Any, *, name: str | None = None) -> Any: ...

@overload
def take(x: Node, indices: Any, axis: int | None = None, mode: str = 'raise', *, name: str | None = None) -> Node:
    """Entries of `x` along `axis` (of all entries in order, if it is not given); `indices` may be a node.

    Raises:
        ShapeError: when an index is out of range, unless `mode` is "wrap" or "clip".
    """

@overload
def take(x: Any, indices: Any, axis: int | None = None, mode: str = 'raise', *, name: str | None = None) -> Any: ...

@overload
def take_along_axis(x: Node, indices: Any, axis: int | None = -1, *, name: str | None = None) -> Node:
    """Entries of `x` by an index for each line along `axis`, as `argsort` and `argmax` give it; the index may be a node."""

@overload
def take_along_axis(x: Any, indices: Any, axis: int | None = -1, *, name: str | None = None) -> Any: ...

tan: _Unary
"""`tan`, as in NumPy.

Value: tan a
Local gradient for a: 1 + out²

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

tanh: _Unary
"""`tanh`, as in NumPy.

Value: tanh a
Local gradient for a: 1 − out²

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

tanh_slope: _Unary
"""The derivative of tanh, computed as 4 σ′(2x): 1 − tanh² has no digits left in the tails.

Value: 1 − tanh² a
Local gradient for a: −2·out·tanh a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

@overload
def tensordot(a: Node, b: Any, axes: Any = 2, *, name: str | None = None) -> Node:
    """The sum of products over axes of `a` and as many of `b`.

    Args:
        a, b: arrays or nodes.
        axes: how many last axes of `a` meet the first ones of `b`; or which of `a` and which of `b`.
        name: of the node.

    Raises:
        ShapeError: when the sizes along them differ.
    """

@overload
def tensordot(a: Any, b: Any, axes: Any = 2, *, name: str | None = None) -> Any: ...

@overload
def tile(x: Node, reps: Any, *, name: str | None = None) -> Node:
    """Copies of `x` side by side, `reps` times along each axis."""

@overload
def tile(x: Any, reps: Any, *, name: str | None = None) -> Any: ...

@overload
def trace(x: Node, offset: int = 0, axis1: int = 0, axis2: int = 1, *, dtype: Any = None, name: str | None = None) -> Node:
    """The sum of the diagonal in the plane of two axes."""

@overload
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def transpose(x: Node, axes: Sequence[int] | None = None, *, name: str | None = None) -> Node:
    """The axes of `x` in another order; reversed if `axes` is not given.

    Raises:
        ShapeError: unless `axes` names each dimension once.
    """

@overload
def transpose(x: Any, axes: Sequence[int] | None = None, *, name: str | None = None) -> Any: ...

@overload
def trapezoid(y: Node, x: Any = None, dx: Any = 1.0, axis: int = -1, *, name: str | None = None) -> Node:
    """The integral of `y` along `axis` by the trapezoidal rule."""

@overload
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, *, name: str | None = None) -> Any: ...

@overload
def tril(x: Node, k: int = 0, *, name: str | None = None) -> Node:
    """`x` with zeros above the `k`-th diagonal of its last two axes."""

@overload
def tril(x: Any, k: int = 0, *, name: str | None = None) -> Any: ...

@overload
def triu(x: Node, k: int = 0, *, name: str | None = None) -> Node:
    """`x` with zeros below the `k`-th diagonal of its last two axes."""

@overload
def triu(x: Any, k: int = 0, *, name: str | None = None) -> Any: ...

trunc: _Unary
"""`trunc`, as in NumPy.

Value: a, rounded towards 0
Local gradient for a: 0
It has kinks; its local gradient there is a convention (docs/conventions.md).

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 1 operand.
"""

def unstack(x: Any, *, axis: int = 0) -> tuple[Any, ...]:
    """The parts of `x` along an axis, which they do not have any more."""

@overload
def unwrap(p: Node, discont: float | None = None, axis: int = -1, *, period: float = 6.283185307179586, name: str | None = None) -> Node:
    """Angles along `axis` without jumps of a `period`; the turns that are put in do not move, so the local gradient is 1."""

@overload
def unwrap(p: Any, discont: float | None = None, axis: int = -1, *, period: float = 6.283185307179586, name: str | None = None) -> Any: ...

@overload
def vander(x: Node, N: int | None = None, increasing: bool = False, *, name: str | None = None) -> Node:
    """The matrix of the powers of `x`, one row an entry."""

@overload
def vander(x: Any, N: int | None = None, increasing: bool = False, *, name: str | None = None) -> Any: ...

@overload
def var(x: Node, axis: _Axis = None, ddof: float = 0, keepdims: bool = False, *, dtype: Any = None, correction: float | None = None, where: Any = None, mean: Any = None, name: str | None = None) -> Node:
    """The variance over `axis`: the mean of squared deviations, with ``n - ddof`` for n (``correction=`` is the same).

    Args:
        x: an array or a node.
        axis: all axes by default.
        ddof: what is taken from the number of entries.
        keepdims: keep the axes as axes of size 1.
        dtype, correction, where, mean: as in NumPy.

    Raises:
        ShapeError: when an axis is out of range, naming the node.
    """

@overload
def var(x: Any, axis: _Axis = None, ddof: float = 0, keepdims: bool = False, *, dtype: Any = None, correction: float | None = None, where: Any = None, mean: Any = None, name: str | None = None) -> Any: ...

@overload
def vdot(a: Node, b: Any, *, name: str | None = None) -> Node:
    """The dot product of all entries of `a` and `b`, in order."""

@overload
def vdot(a: Any, b: Any, *, name: str | None = None) -> Any: ...

@overload
def vecdot(a: Node, b: Any, axis: int = -1, *, name: str | None = None) -> Node:
    """The dot product of vectors along `axis`, the others broadcast."""

@overload
def vecdot(a: Any, b: Any, axis: int = -1, *, name: str | None = None) -> Any: ...

@overload
def vecmat(a: Node, b: Any, *, name: str | None = None) -> Node:
    """Stacks of vectors times stacks of matrices."""

@overload
def vecmat(a: Any, b: Any, *, name: str | None = None) -> Any: ...

def vsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """`x` cut into rows."""

@overload
def vstack(arrays: Sequence[Node], *, dtype: Any = None, name: str | None = None) -> Node:
    """Arrays and nodes below each other; a vector is a row."""

@overload
def vstack(arrays: Sequence[Any], *, dtype: Any = None, name: str | None = None) -> Any: ...

@overload
def weighted_bce(z: Node, y: Any, *, weight: Any = None, pos_weight: Any = None, name: str | None = None) -> Node:
    """`stable_bce` with weights: entry by entry, from logits.

    Args:
        z: logits.
        y: labels.
        weight: what each entry counts.
        pos_weight: what a positive label counts against a negative one (for classes of unequal size: negatives / positives).
    """

@overload
def weighted_bce(z: Any, y: Any, *, weight: Any = None, pos_weight: Any = None, name: str | None = None) -> Any: ...

where: _Ternary
"""Entries of b where the condition a is true, of c elsewhere. The branch not taken gets a gradient of exactly 0, even if it is inf or nan.

Value: b if a, else c
Local gradient for a: none
Local gradient for b: 1 where a
Local gradient for c: 1 where not a

Shapes: the operands broadcast as in NumPy. Dtype: float32 stays float32, whole numbers become float64 where NumPy makes them so.
`name=` names the node.

Raises:
    ShapeError: when the shapes do not broadcast, naming the nodes.
    DTypeError: for dtypes that NumPy has no such operation for.
    UnsupportedError: unless called with 3 operands.
"""

# NumPy's other names.
absolute = abs
acos = arccos
acosh = arccosh
amax = max
amin = min
around = round
asin = arcsin
asinh = arcsinh
astype = cast
atan = arctan
atan2 = arctan2
atanh = arctanh
bitwise_invert = invert
bitwise_left_shift = left_shift
bitwise_not = invert
bitwise_right_shift = right_shift
concat = concatenate
conj = conjugate
degrees = rad2deg
fabs = abs
matrix_transpose = mT
mod = remainder
permute_dims = transpose
pow = power
radians = deg2rad
round_ = round
trapz = trapezoid
true_divide = divide

__version__: str
__all__ = ['CgraphError', 'DTypeError', 'Diagram', 'DrawError', 'Formula', 'GradientError', 'Interval', 'LocalGradient', 'MissingValueError', 'NoGradientError', 'Node', 'NonFiniteError', 'Op', 'Program', 'Run', 'ShapeError', 'StoreError', 'UnsupportedError', 'abs', 'add', 'add_sequence', 'all', 'angle', 'animate', 'any', 'append', 'arccos', 'arccosh', 'arccot', 'arccoth', 'arccsc', 'arccsch', 'arcsec', 'arcsech', 'arcsin', 'arcsinh', 'arctan', 'arctan2', 'arctanh', 'argmax', 'argmin', 'argpartition', 'argsort', 'array', 'array_split', 'asarray', 'assign', 'atleast_1d', 'atleast_2d', 'atleast_3d', 'average', 'bce', 'bincount', 'bitwise_and', 'bitwise_or', 'bitwise_xor', 'block', 'broadcast_arrays', 'broadcast_to', 'c_', 'cast', 'cbrt', 'ceil', 'central_differences', 'checkpoint', 'choose', 'clip', 'column_stack', 'compile', 'compile_training', 'compress', 'concatenate', 'cond', 'conjugate', 'constant', 'convolve', 'copysign', 'corrcoef', 'correlate', 'cos', 'cosh', 'cot', 'coth', 'count_nonzero', 'cov', 'cross', 'csc', 'csch', 'cummax', 'cummin', 'cumprod', 'cumsum', 'cumulative_prod', 'cumulative_sum', 'datasets', 'deg2rad', 'delete', 'diag', 'diagflat', 'diagonal', 'diff', 'digitize', 'divide', 'divmod', 'dot', 'draw', 'dsplit', 'dstack', 'ediff1d', 'einsum', 'elementwise', 'elu', 'equal', 'exp', 'exp2', 'expand_dims', 'expm1', 'extract', 'fft', 'fix', 'flip', 'fliplr', 'flipud', 'float_power', 'floor', 'floor_divide', 'fmax', 'fmin', 'fmod', 'fori_loop', 'frames', 'from_jax', 'from_onnx', 'from_torch', 'full', 'gelu', 'gelu_slope', 'geomspace', 'getitem', 'glu', 'grad', 'gradient', 'greater', 'greater_equal', 'hard_sigmoid', 'hard_swish', 'hard_tanh', 'heaviside', 'hessian', 'hsplit', 'hstack', 'hvp', 'hypot', 'imag', 'inner', 'input', 'insert', 'integrate', 'interp', 'invert', 'isclose', 'iscomplex', 'isfinite', 'isinf', 'isnan', 'isneginf', 'isposinf', 'isreal', 'jacobian', 'jvp', 'keras_bce', 'kron', 'ldexp', 'leaky_relu', 'left_shift', 'less', 'less_equal', 'linalg', 'linear_op', 'linear_recurrence', 'linspace', 'lint', 'load', 'log', 'log10', 'log1mexp', 'log1p', 'log2', 'log_sigmoid', 'log_softmax', 'logaddexp', 'logaddexp2', 'logaddexp_slope', 'logical_and', 'logical_not', 'logical_or', 'logical_xor', 'logit', 'logspace', 'logsumexp', 'mT', 'matmul', 'matvec', 'max', 'maximum', 'mean', 'median', 'meshgrid', 'metrics', 'min', 'minimum', 'mish', 'modf', 'moveaxis', 'mse', 'multi_matmul', 'multiply', 'multiply_sequence', 'named_leaves', 'nan_to_num', 'nanargmax', 'nanargmin', 'nancumprod', 'nancumsum', 'nanmax', 'nanmean', 'nanmedian', 'nanmin', 'nanpercentile', 'nanprod', 'nanquantile', 'nanstd', 'nansum', 'nanvar', 'negative', 'nn', 'not_equal', 'op', 'ops', 'optim', 'outer', 'pad', 'parameter', 'partition', 'percentile', 'plots', 'pos_weighted_bce', 'pos_weighted_bce_slope', 'positive', 'power', 'prelu', 'prod', 'ptp', 'quantile', 'r_', 'rad2deg', 'real', 'real_if_close', 'reciprocal', 'reduction', 'relu', 'relu6', 'remainder', 'repeat', 'reshape', 'right_shift', 'rint', 'roll', 'rollaxis', 'rot90', 'round', 'row_stack', 'run', 'save', 'scan', 'scope', 'searchsorted', 'sec', 'sech', 'select', 'selu', 'sigmoid', 'sigmoid_slope', 'sign', 'signal', 'signbit', 'silu', 'sin', 'sinc', 'sinh', 'softmax', 'softplus', 'softsign', 'sort', 'special', 'split', 'sqrt', 'square', 'squeeze', 'stabilize', 'stable_bce', 'stable_bce_slope', 'stable_cross_entropy', 'stack', 'stats', 'std', 'step', 'stop_gradient', 'subtract', 'sum', 'sum_to', 'swapaxes', 'swish', 'take', 'take_along_axis', 'tan', 'tanh', 'tanh_slope', 'tensordot', 'testing', 'tile', 'to_onnx', 'trace', 'transpose', 'trapezoid', 'tril', 'triu', 'trunc', 'unstack', 'unwrap', 'value_and_gradient', 'vander', 'var', 'vdot', 'vecdot', 'vecmat', 'vjp', 'vmap', 'vsplit', 'vstack', 'weighted_bce', 'where']
