"""Run: one evaluation of a graph, forward and, if asked, backward.

A graph holds no values, so two evaluations of it can be compared, drawn and kept, and doing one twice gives the same numbers twice.
The forward pass walks the topological order once; the backward pass is `backpropagate` (cgraph/backprop.py) on the numbers of this run.
Local gradients are made when somebody asks to see them, and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from cgraph import shapes
from cgraph.backprop import backpropagate, edge_share
from cgraph.errors import CgraphError, GradientError, MissingValueError, NoGradientError, ShapeError
from cgraph.explain import explain
from cgraph.floats import FloatGraph
from cgraph.linear_maps import LocalGradient
from cgraph.nan_check import check_gradients, check_values
from cgraph.node import Node, found_in, require_scalar, why_no_gradient
from cgraph.op import PARAMETER, Formula, Op
from cgraph.operators import PUBLIC, public
from cgraph.plan import SMALL_NODES, plan_of
from cgraph.quiet import restore, silence
from cgraph.shapes import Shape
from cgraph.values import Array, capture, readonly

Keep = Literal["all", "leaves"]
KEEPS = ("all", "leaves")
# The driver as it is: one with a planted fault is to be seen at work in graphs of numbers, too, which need none.
_DRIVER = backpropagate


class Run:
    """The values, and after `backward` the gradients, of one evaluation. Made by `cgraph.run` and `node.backward`.

    From the second evaluation of a graph on, both passes go through straight-line source (cgraph/plan.py) and the results are lists in
    the graph's order; before, and where there is no source, through loops, with dictionaries. Nobody need know which.

    Attributes:
        roots: what was asked for.
        order: every node evaluated, parents first.
    """

    # By node, where a loop found them or somebody asked for all of them.
    _by_node: dict[Node, Any] | None = None
    _grads_by_node: dict[Node, Any] | None = None
    # In the graph's order, where source found them; the masks have their positions in `_mask_at`.
    _v: list[Any] | None = None
    _g: list[Any] | None = None
    _mask_at: tuple[Any, ...] = ((), ())
    _masks_by_node: dict[Node, Any] | None = None
    _spent = False  # whether the values are gone, keep="leaves"
    _fed: dict[Node, Any] = {}  # noqa: RUF012  (never changed, replaced where something is fed)

    _check: str | None = None
    _locals: dict[tuple[Node, int], LocalGradient] | None = None

    def __init__(
        self, roots: tuple[Node, ...], feeds: Mapping[Node, Any] | None, check: str | None
    ) -> None:
        if check not in (None, "nan"):
            raise ValueError(f"check={check!r}: the only check is 'nan'")
        again = self._begin(roots, feeds)
        if self._floats:
            self._forward_floats()
        else:
            before = silence()
            try:
                self._forward(again)
            finally:
                restore(before)
        if check == "nan":
            self._check = check
            check_values(self)

    def _begin(self, roots: tuple[Node, ...], feeds: Mapping[Node, Any] | None) -> bool:
        """Note what is to be evaluated, and with what; whether it may go through source."""
        self.roots = roots
        self._plan, self._last = plan_of(roots)
        # Python's floats are several times faster than NumPy's scalars, for graphs that need nothing more.
        self._floats = self._plan.floats is not None
        if feeds:
            self._fed = {node: capture(value, node) for node, value in _check_feeds(feeds)}
        return self._plan.again()

    def _forward(self, again: bool) -> None:
        source = self._plan.forward_source(self._last) if again else None
        if source:
            try:
                self._v = source.values(self._fed)
            except Exception:  # the loop will say what it was
                self._v = None
        if self._v is None:
            self._forward_arrays()
            if source:
                source.ahead.looked_at(self._values)
        self._leave_values()

    def _forward_and_backward(self, again: bool, upstream: Any, frugal: bool) -> None:
        """An evaluation with its backward pass, in one go where it may go through source."""
        root, plan = self._last, self._plan
        source = None
        if again or (frugal and plan.is_large()):
            seed = plan.one if upstream is None else _seed_of(root, root.shape, upstream)
            source = seed is not None and plan.both_source(root, frugal)
        if source:
            try:
                found = source.carried_out(self._fed, seed)
            except Exception:  # the loop will say what it was
                found = None
            if found is not None:
                self._v, self._g, masks = found
                if masks:
                    self._mask_at = (source.masks, masks)
                self._spent = frugal
                self._leave_both()
                return
        self._forward(again)
        if source:
            source.ahead.looked_at(self._values)
        self._differentiate(upstream, frugal)

    @property
    def order(self) -> list[Node]:
        return [*self._plan.nodes, self._last]

    @property
    def _values(self) -> dict[Node, Any]:
        if self._by_node is None:
            found = zip(self.order, self._v or (), strict=True)
            self._by_node = {node: value for node, value in found if value is not None}
        return self._by_node

    @property
    def _grads(self) -> dict[Node, Any]:
        if self._grads_by_node is None:
            found = zip(self.order, self._g, strict=True) if self._g else ()
            self._grads_by_node = {node: grad for node, grad in found if grad is not None}
        return self._grads_by_node

    @property
    def _masks(self) -> dict[Node, Any]:
        if self._masks_by_node is None:
            nodes = self.order
            self._masks_by_node = {nodes[i]: mask for i, mask in zip(*self._mask_at, strict=True)}
        return self._masks_by_node

    def _value_at(self, node: Node) -> Any:
        """The value of a node as it was computed, or None."""
        return self._at(node, self._by_node, self._v)

    def _grad_at(self, node: Node) -> Any:
        """The gradient of a node as it was computed, or None."""
        return self._at(node, self._grads_by_node, self._g)

    def _at(self, node: Node, by_node: dict[Node, Any] | None, found: list[Any] | None) -> Any:
        """What was found at a node, by a loop or by source; None where nothing was."""
        if found is None:
            return None if by_node is None else by_node.get(node)
        if node is self._last:
            return found[-1]
        position = self._plan.position
        return found[position[node]] if node in position else None

    def _forward_floats(self) -> None:
        rows = self._plan.floats
        assert rows is not None
        if rows.changes != Op.changes:
            rows = self._plan.floats = FloatGraph(self.roots)
            rows.nodes.clear()
        self._v = x = rows.blank.copy()
        fed, last = self._fed, self._last
        for k, node in rows.leaves if last.parents else (*rows.leaves, (-1, last)):
            value = fed[node] if node in fed else node._value
            if value.__class__ is not float:
                if value is None:
                    raise _missing(node)
                value = float(value)
            x[k] = value
        rows.run(x)
        nodes = self._plan.nodes
        small = len(nodes) < SMALL_NODES
        if small:
            for node, value in zip(nodes, x):  # noqa: B905  (the last node comes below)
                node._latest = value
        else:
            for node in nodes:
                node._latest = None
        self._leave_roots(small)

    def _forward_arrays(self) -> None:
        values: dict[Node, Any] = {}
        for node in self.order:
            if not node.parents:
                value = self._fed.get(node, node._value)
                if value is None:
                    raise _missing(node)
                if value.__class__ is float and not node.weak:
                    value = np.float64(value)
            else:
                value = self._compute(node, [values[p] for p in node.parents])
            values[node] = value
        self._by_node = values

    # --- what stays with the nodes when the Run is gone (docs/conventions.md, "State") ----------------------------------------

    def _leave_both(self) -> None:
        plan, v, g = self._plan, self._v, self._g
        assert v is not None and g is not None
        small = plan.small
        if small is None:
            small = plan.measure(v)
        if small:
            last = self._last
            for node, value, grad in zip(plan.nodes, v, g):  # noqa: B905  (the last node comes below)
                node._latest = value
                node._grad = grad  # None where none passes, and none ever does
            last._latest, last._grad = v[-1], g[-1]
        else:
            self._leave_values()
            self._leave_grads()

    def _leave_values(self) -> None:
        plan = self._plan
        values = self._by_node.values() if self._v is None else self._v  # type: ignore[union-attr]
        small = plan.small
        if small is None:
            small = plan.measure(values)
        if small:
            for node, value in zip(plan.nodes, values):  # noqa: B905  (the last node comes below)
                node._latest = value
        else:
            for node in plan.nodes:
                node._latest = None
        self._leave_roots(small)

    def _leave_roots(self, small: bool = False) -> None:
        for root in self.roots:
            root._latest = self._value_at(root)
        if not small:
            found_in(self)

    def _leave_grads(self) -> None:
        plan = self._plan
        small = plan.small if plan.floats is None else len(plan.nodes) < SMALL_NODES
        g, at = self._g, self._grads_by_node
        if small and g is not None:
            for node, grad in zip(plan.nodes, g):  # noqa: B905  (the last node comes below)
                node._grad = grad  # None where none passes, and none ever does
            self._last._grad = g[-1]
            return
        nodes, active = self.order, plan.active(self._last)
        if g is None and small and at is not None and len(at) == len(active):
            for node, grad in at.items():
                node._grad = grad
            return
        for i in active:
            node = nodes[i]
            if small or node.op is PARAMETER:
                node._grad = g[i] if g is not None else at.get(node)  # type: ignore[union-attr]
            else:
                node._grad = None
        if not small:
            found_in(self)

    def _compute(self, node: Node, operands: list[Any]) -> Any:
        unknown = None in node._shape
        if unknown:
            _check_sizes(node, operands)
        try:
            if node.params:
                value = node.op.forward(*operands, **node.params)
            else:
                value = node.op.forward(*operands)
        except (ValueError, TypeError, IndexError, ArithmeticError) as error:
            if isinstance(error, CgraphError):
                raise
            raise CgraphError(
                f"{node.label!r} ({node.op.name}, built at {node.site}) cannot be computed: {error}"
            ) from error
        if unknown and not shapes.agrees(np.shape(value), node.shape):
            raise ShapeError(
                f"{node.label!r}, built at {node.site}, came out as {np.shape(value)}, not {node.shape}"
            )
        return value

    def backward(self, upstream: Any = None, keep: Keep = "all") -> Run:
        """Compute the gradients of the root with respect to everything between it and the parameters. Doing it again changes nothing.

        Args:
            upstream: the gradient to start from, of the root's shape; 1 for a scalar.
            keep: "leaves" keeps the value of the root and the gradients of parameters, and drops everything else as soon as
                nothing needs it any more: for training, where memory counts and nobody looks.

        Raises:
            GradientError: when the root is not a scalar and no upstream is given.
        """
        if len(self.roots) != 1:
            raise GradientError(
                "backward needs one root; this run has "
                + ", ".join(repr(r.label) for r in self.roots)
            )
        if keep != "all" and (keep != "leaves" or self._check is not None):
            raise ValueError(
                f"keep={keep!r}: it is 'all' or 'leaves'"
                if keep != "leaves"
                else f"check={self._check!r} looks at every gradient: keep='all'"
            )
        if self._spent:
            raise GradientError("this run has dropped its values, keep='leaves'; evaluate again")
        if self._floats:
            self._differentiate(upstream, keep == "leaves")
        else:
            before = silence()
            try:
                self._differentiate(upstream, keep == "leaves")
            finally:
                restore(before)
        if self._check == "nan":
            check_gradients(self)
        return self

    def _differentiate(self, upstream: Any, frugal: bool) -> None:
        root, plan = self.roots[0], self._plan
        seed = self._seed(root, upstream)
        self._g = self._grads_by_node = self._masks_by_node = self._locals = None
        self._mask_at = ((), ())
        if plan.floats is not None and backpropagate is _DRIVER:
            self._backward_floats(plan.floats, seed, frugal)
            return
        source = None
        if plan.floats is None and plan.uses > 1:
            source = plan.backward_source(root, frugal)
        if source:
            if self._v is None:
                self._v = list(self._values.values())
            if frugal:
                self._by_node = None
            try:
                self._g, masks = source.gradients(self._v, seed)
                self._mask_at = (source.masks, masks)
            except Exception:
                self._forward_arrays()  # the loop will say what it was
                self._v = None
        if self._g is None:
            self._backward_by_loop(root, seed, frugal)
        self._spent = frugal
        self._leave_grads()

    def _backward_floats(self, rows: FloatGraph, seed: float, frugal: bool) -> None:
        assert self._v is not None
        self._g = g = rows.zeros.copy()
        g[-1] = seed
        rows.send(self._v, g)
        for k, node in rows.leaves:
            if g[k] is None and node.op is PARAMETER:
                # Reachable, but only through something without a derivative: that is a gradient of zero.
                g[k] = 0.0
        if frugal:
            self._by_node = None
            kept = {k for k, _ in rows.leaves} | {len(g) - 1}
            self._g = [x if k in kept else None for k, x in enumerate(g)]
            self._v = [x if k in kept else None for k, x in enumerate(self._v)]
        self._spent = frugal
        self._leave_grads()

    def _backward_by_loop(self, root: Node, seed: Any, frugal: bool) -> None:
        order, values = self.order, self._values
        active = [order[i] for i in self._plan.active(root)]
        self._grads_by_node = grads = {root: seed}
        masks: dict[Node, Any] = {}
        self._masks_by_node = masks
        dropping = {"drop": values} if frugal else {}
        backpropagate(active, grads, values, set(active), masks, **dropping)
        for node in active if not self._floats else ():
            # Where float64 data met float32 parameters, what comes back is float64; the gradient has its node's dtype.
            if node in grads and grads[node].dtype is not node.dtype:
                grads[node] = grads[node].astype(node.dtype)
        for node in active:
            if node not in grads and node.op is PARAMETER:
                # Reachable, but only through something without a derivative: that is a gradient of zero.
                grads[node] = np.zeros(np.shape(values[node]), node.dtype)

    def _seed(self, root: Node, upstream: Any) -> Any:
        if self._floats:
            return 1.0 if upstream is None else float(upstream)
        if upstream is None:
            require_scalar(root)
        shape = np.shape(self._value_at(root))
        seed = _seed_of(root, shape, upstream)
        if seed is None:
            given = np.shape(upstream)
            raise ShapeError(f"upstream has shape {given}; {root.label!r} has shape {shape}")
        return seed

    def value(self, node: Node) -> Array:
        """The value of a node, as a read-only array.

        Raises:
            MissingValueError: for a node that is not part of this run.
        """
        value = self._value_at(node)
        if value is None:
            raise MissingValueError(self._why_no_value(node))
        return readonly(value)

    def _why_no_value(self, node: Node) -> str:
        if any(n is node for n in self.order):
            return f"the value of {node.label!r} was dropped: this run keeps 'leaves' only; take keep='all' to look at it"
        return f"{node.label!r} is not part of this run"

    def grad(self, node: Node) -> Array:
        """The gradient of the root with respect to a node, as a read-only array of the node's shape.

        Raises:
            NoGradientError: when none was computed; the message says why.
        """
        grad = self._grad_at(node)
        if grad is None:
            raise NoGradientError(self._why_no_gradient(node))
        return readonly(grad)

    def has_grad(self, node: Node) -> bool:
        """Whether this run computed a gradient for the node."""
        return self._grad_at(node) is not None

    def _why_no_gradient(self, node: Node) -> str:
        if not any(n is node for n in self.order):
            roots = ", ".join(repr(root.label) for root in self.roots)
            return f"no gradient of {node.label!r}: {roots} does not depend on {node.label!r}"
        if self._g is None and self._grads_by_node is None:
            return f"no gradient of {node.label!r}: this run was forward only; call loss.backward() or run.backward()"
        if self._spent and node.active and node.parents:
            return f"the gradient of {node.label!r} was dropped: this run keeps 'leaves' only; take keep='all' to look at it"
        return f"no gradient of {node.label!r}: {why_no_gradient(node)}"

    def local(self, node: Node, parent: Node | int) -> LocalGradient:
        """The local gradient of a node with respect to one of its parents, which may be given by position.

        Raises:
            GradientError: when it is not a parent, stands there twice (give the position), or has no local gradient.
        """
        i = self._position(node, parent)
        if self._locals is None:
            self._locals = {}
        if (node, i) not in self._locals:
            operands = [self._values[p] for p in node.parents]
            if self._floats:
                operands = [np.float64(x) for x in operands]
            out = np.asarray(self._values[node])[()]
            with np.errstate(all="ignore"):
                linear_map = node.op.local(i, out, operands, node.params)
            names = tuple(
                p.basename or (f"{p._value:.12g}" if p.weak else p.op.name) for p in node.parents
            )
            partials = node.op.formula.partials
            template = (
                partials[i] if i < len(partials) else partials[-1] if partials else None
            ) or ""
            self._locals[node, i] = LocalGradient(
                linear_map,
                Formula.fill(template, names, node.basename or "out"),
                np.shape(operands[i]),
                np.shape(out),
                node.parents[i].dtype,
            )
        return self._locals[node, i]

    def _position(self, node: Node, parent: Node | int) -> int:
        if node not in self._values:
            raise MissingValueError(self._why_no_value(node))
        if not isinstance(parent, Node):
            if not 0 <= parent < len(node.parents):
                raise GradientError(
                    f"{node.label!r} has {len(node.parents)} parents; there is no number {parent}"
                )
            return parent
        positions = [i for i, p in enumerate(node.parents) if p is parent]
        if not positions:
            raise GradientError(f"{parent.label!r} is not a parent of {node.label!r}")
        first = positions[0]
        for i in positions[1:]:
            # x * x has the same local gradient on both edges, so either will do; x / x has not.
            a, b = self.local(node, first).array, self.local(node, i).array
            if a is None or b is None or not np.array_equal(a, b, equal_nan=True):
                raise GradientError(
                    f"{parent.label!r} is more than one parent of {node.label!r}: give the position, one of {positions}"
                )
        return first

    def share(self, node: Node, i: int) -> Array:
        """What a node hands back to its parent `i`: upstream x local. A parent's gradient is the sum of its shares.

        Raises:
            NoGradientError: when nothing was handed back there.
        """
        parent = node.parents[i]
        if (
            node not in self._grads
            or parent not in self._grads
            or not node.op.differentiable(i)
            or not parent.active
        ):
            raise NoGradientError(
                f"{node.label!r} hands nothing back to {parent.label!r}: {why_no_gradient(parent)}"
            )
        operands = [self._values[p] for p in node.parents]
        with np.errstate(all="ignore"):
            if self._floats:
                operands = [np.float64(x) for x in operands]
            out = np.float64(self._values[node]) if self._floats else self._values[node]
            share, _ = edge_share(
                node.op, i, out, operands, node.params, self._grads[node], self._masks.get(node)
            )
        return readonly(share)

    def explain(self, node: Node, most: int = 8) -> str:
        """Every path from the root to a node, the products along it, and their sum: the chain rule, written out.

        Args:
            node: a node with a gradient.
            most: how many paths to list; when there are more, the heaviest are listed and the rest counted.
        """
        return explain(self, node, most)

    def accuracy(self) -> Any:
        """How many digits of every value and gradient of this run are right, node by node: print the answer, or ``.draw()`` it.

        A run in single precision is held against double. One in double is held against mpmath (the extra `testing`), at some 20 µs an entry
        and node, so for graphs of some thousands of entries. What mpmath cannot compute is named.

        >>> import cgraph as cg
        >>> z = cg.parameter("z", 40.0)
        >>> gap = cg.subtract(1.0, cg.sigmoid(z, name="p"), name="gap")
        >>> report = gap.backward().accuracy()
        >>> report.worst.node.name, round(report[gap.parents[1]].digits)
        ('gap', 16)
        """
        from importlib import import_module  # the report stands on a floor above

        return import_module("cgraph.rewrite.accuracy").accuracy(self)

    def kinks(self) -> Any:
        """The kinks and ties through which gradients of this run passed: which nodes, which entries, which convention was used.

        >>> import cgraph as cg
        >>> x = cg.parameter("x", [0.0, 1.0])
        >>> for kink in cg.sum(cg.relu(x, name="h")).backward().kinks():
        ...     print(kink.node.label, kink.elements.tolist(), kink.convention)
        h [[0]] relu'(0) = 0
        """
        from importlib import import_module

        return import_module("cgraph.rewrite.kinks").kinks(self)

    def __repr__(self) -> str:
        roots = ", ".join(repr(root.label) for root in self.roots)
        forward = self._g is None and self._grads_by_node is None
        return f"<Run of {roots}: {len(self.order)} nodes, {'forward only' if forward else 'with gradients'}>"


def _seed_of(root: Node, shape: Shape, upstream: Any) -> Any:
    """What a backward pass starts from; None where it does not have the root's shape, or that is not known."""
    dtype = root.dtype if root.dtype.kind == "f" else np.dtype(np.float64)
    if upstream is None:
        return one_of(dtype) if shape == () else np.ones(shape, dtype)
    seed = np.array(upstream, dtype)
    return seed if seed.shape == shape else None


@lru_cache(maxsize=16)
def one_of(dtype: Any) -> Any:
    """The seed of a scalar."""
    one = np.ones((), dtype)
    one.setflags(write=False)
    return one


def _missing(node: Node) -> MissingValueError:
    return MissingValueError(
        f"no value for input {node.label!r} of shape {node.shape}: give it one, or feed it: {{{node.label}: array}}"
    )


def _check_sizes(node: Node, operands: list[Any]) -> None:
    """Operands of a shape that was not known must agree now that it is: nothing broadcasts behind the graph's back."""
    if node.op.name == "matmul":
        end: int | None = -2  # stacks have to agree; the matrices in them are looked at by NumPy
    elif node.op.family == "elementwise":
        end = None
    else:
        return
    axes = 0 if end is None else 2
    full = [(p, np.shape(x)) for p, x in zip(node.parents, operands, strict=True) if p.ndim > axes]
    for parent, shape in full:
        if shape[:end] != full[0][1][:end]:
            a, b = full[0][0].label, parent.label
            raise ShapeError(
                f"{node.label!r} (built at {node.site}): {a!r} came out as {full[0][1]} but {b!r} as {shape}"
            )


def _check_feeds(feeds: Mapping[Node, Any]) -> Iterable[tuple[Node, Any]]:
    if not isinstance(feeds, Mapping):
        raise CgraphError(f"feeds are a dictionary, {{X: array}}; got {type(feeds).__name__}")
    for node, value in feeds.items():
        if not isinstance(node, Node) or node.op.family != "leaf":
            raise CgraphError(f"feeds take leaves; {node!r} is not one")
        if node.op.name == "constant":
            raise CgraphError(f"{node.label!r} is a constant and cannot be fed; make it an input")
        yield node, value


@public
def run(
    roots: Node | Sequence[Node], feeds: Mapping[Node, Any] | None = None, check: str | None = None
) -> Run:
    """Evaluate one node, or several at once, with the leaves' current values.

    Args:
        roots: a node, or a list of nodes.
        feeds: values for inputs (or, for this run only, parameters): ``{X: array}``.
        check: "nan" stops at the first value, or on the way back the first gradient, that is not finite, and says where it comes from.

    Raises:
        MissingValueError: when an input has no value and is not fed.
        ShapeError: when what is fed does not have the declared shape.
        NonFiniteError: with ``check="nan"``.

    >>> import cgraph as cg
    >>> x = cg.input("x")
    >>> y = cg.exp(x)
    >>> float(cg.run(y, {x: 0.0}).value(y))
    1.0
    """
    given = (roots,) if isinstance(roots, Node) else tuple(roots)
    for root in given:
        if not isinstance(root, Node):
            raise CgraphError(f"run takes nodes; got {type(root).__name__}")
    return Run(given, feeds, check)


def _backward(root: Node, feeds: Any, upstream: Any, keep: Keep) -> Run:
    """What ``node.backward`` does."""
    if keep not in KEEPS:
        raise ValueError(f"keep={keep!r}: it is 'all' or 'leaves'")
    run = Run.__new__(Run)
    again, frugal = run._begin((root,), feeds), keep == "leaves"
    if upstream is None and run._plan.one is None:
        require_scalar(root)
        run._plan.one = _seed_of(root, root.shape, None)
    if run._floats:
        run._forward_floats()
        run._differentiate(upstream, frugal)
        return run
    before = silence()
    try:
        run._forward_and_backward(again, upstream, frugal)
    finally:
        restore(before)
    return run


PUBLIC["_backward"] = _backward
