"""What a mutant has to get past, second half: the public functions, wrong uses, rows of one's own, tails, and Python's floats.

Imported, like `checks.py`, in the mutant's own process.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from cgraph.op import OPS as rows
from cgraph.ops.elementwise import elementwise
from cgraph.testing.check import check_gradients
from cgraph.testing.report import Verdict

# The public names, as a user has them: this module is a user, although it stands outside the package.
cg: Any = import_module("cgraph")
GOOD = (Verdict.PASS, Verdict.KINK)


def _operators() -> bool:
    """The functions of `autodiff` on inputs, which reach the driver on a path of their own."""
    f = lambda x, y: cg.sum(cg.sin(x) * y) + cg.mean(y * y)  # noqa: E731
    x, y = np.array([0.3, -1.2]), np.array([1.5, 0.4])
    graph = check_gradients(f, x, y, modes=("vjp", "jvp", "graph"), order=2)
    value, pullback = cg.vjp(f, x, y)
    _, tangent = cg.jvp(f, (x, y), (x, y))
    g = pullback(1.0)
    unused = cg.vjp(lambda a, b: a * 2.0, x, y)[1](np.ones(2))
    flat = cg.jvp(lambda a: cg.constant(np.ones(2)), (x,), (x,))[1]
    a, b = cg.parameter("a", x), cg.parameter("b", y)
    zero = cg.gradient(cg.sum(a), [a, b], disconnected="zero")
    twice = cg.jvp(cg.sin(a) * a, a, x)
    same = cg.gradient(a * 1.0, a, y)
    by_node = cg.jvp(cg.sin(a), a, cg.constant(y))
    text = cg.run([*zero, twice, same, by_node])
    return bool(
        graph.verdict in GOOD
        and np.allclose(g[0] @ x + g[1] @ y, tangent)
        and np.allclose(g[0], np.cos(x) * y)
        and np.array_equal(unused[0], [2.0, 2.0]) and np.array_equal(unused[1], [0.0, 0.0]) and np.array_equal(flat, [0.0, 0.0])
        and np.array_equal(text.value(zero[0]), [1.0, 1.0]) and np.array_equal(text.value(zero[1]), [0.0, 0.0])
        and np.allclose(text.value(twice), (np.cos(x) * x + np.sin(x)) * x) and np.array_equal(text.value(same), y)
        and np.allclose(text.value(by_node), np.cos(x) * y)
        and all(_raises(error, call) for error, call in _wrong_uses(a, b))
        and np.isfinite(value)
    )  # fmt: skip


def _wrong_uses(a: Any, b: Any) -> list[tuple[type[Exception], Callable[[], Any]]]:
    not_a_node: Any = 3.0
    return [
        (cg.GradientError, lambda: cg.gradient(cg.sum(a), b)),
        (cg.GradientError, lambda: cg.gradient(a, a)),
        (cg.GradientError, lambda: cg.gradient(cg.sum(a * 2.0), cg.constant(1.0))),
        (cg.DTypeError, lambda: cg.gradient(cg.sum(a), cg.input("i", np.array([1, 2])))),
        (ValueError, lambda: cg.gradient(cg.sum(a), a, disconnected="maybe")),
        (ValueError, lambda: cg.jvp(a * 2.0, [a], [np.ones(2), np.ones(2)])),
        (ValueError, lambda: cg.jvp(lambda p: p * 2.0, (np.ones(2),), (np.ones(2), np.ones(2)))),
        (cg.GradientError, lambda: cg.gradient(not_a_node, a)),
        (cg.GradientError, lambda: cg.gradient(cg.sum(a), [a, not_a_node])),
        (cg.ShapeError, lambda: cg.gradient(a * 2.0, a, np.ones(3))),
        (cg.ShapeError, lambda: cg.jvp(a * 2.0, a, np.ones(3))),
    ]  # fmt: skip


def _raises(error: type[Exception], call: Callable[[], Any]) -> bool:
    try:
        call()
    except error:
        return True
    return False


def _extremes() -> bool:
    """Where formulas written otherwise lose their digits: tails of the activations, products with zeros, powers of zero."""
    for op in (cg.tanh, cg.sigmoid, cg.softplus, cg.expm1, cg.log1p):
        x = cg.parameter(
            "x",
            [-30.0, -1e-8, 0.0, 1e-8, 18.0] if op is not cg.log1p else [-0.9, 1e-8, 0.0, 1e8, 18.0],
        )
        if check_gradients(op(x)).verdict not in GOOD:
            return False
    z = cg.parameter("z", [-40.0, 40.0, 0.0])
    for y in (0.0, 1.0, 0.5):
        if check_gradients(cg.stable_bce(z, y)).verdict not in GOOD:
            return False
    x = cg.parameter("x", [0.0, 2.0, -3.0])
    powers = [cg.power(x, k) for k in (0.0, 1.0, 2.0, 3.0)] + [
        cg.power(x, np.array([0.0, 2.0, 3.0])),
        cg.power(cg.parameter("a", [0.0, 2.0]), cg.parameter("b", [2.0, 0.0])),
    ]
    roots = [
        *powers,
        cg.prod(x),
        cg.prod(cg.parameter("q", np.zeros((2, 3))), axis=1),
        cg.prod(cg.parameter("r", np.arange(5.0))),
        cg.prod(cg.parameter("s", np.ones((0, 2))), axis=0),
    ]
    return all(
        check_gradients(root, modes=("vjp", "jvp", "graph")).verdict in GOOD for root in roots
    )


def _own_rows() -> bool:
    """Rows such as users write: a constant partial that is not ±1, operands without a derivative, three operands."""
    triple = elementwise("mutation_triple", lambda x: 3.0 * x, 3)
    mixed = elementwise(
        "mutation_mixed",
        lambda a, b: np.sign(a) * b * b,
        None,
        lambda out, a, b: 2.0 * cg.sign(a) * b,
    )
    other = elementwise(
        "mutation_other",
        lambda a, b: a * a * np.sign(b),
        lambda out, a, b: 2.0 * a * cg.sign(b),
        None,
    )
    three = elementwise(
        "mutation_three",
        lambda a, b, c: a * b + 2.0 * c,
        lambda out, a, b, c: b,
        lambda out, a, b, c: a,
        2,
    )
    twice = elementwise("mutation_twice", lambda a, b: 2.0 * a + 2.0 * b, 2, 2)
    ones = elementwise("mutation_ones", lambda a, b: 2.0 * a + 0.0 * b, 2, None)
    try:
        x, y = cg.parameter("x", [0.5, -1.0]), cg.parameter("y", [2.0, 3.0])
        safe = x > 0.0
        roots = [
            triple(x), mixed(x, y), other(x, y), three(x, y, x * y), cg.where(safe, triple(cg.log(x)), x), mixed(x * x, x), other(x, x), triple(triple(x)),  # noqa: E501
            ones(x, y), ones(y, x), twice(x, y * x), cg.where(safe, ones(cg.log(x), y), y),
        ]  # fmt: skip
        good = all(
            check_gradients(r, modes=("vjp", "jvp", "graph"), order=2).verdict in GOOD
            for r in roots[:4] + roots[5:11]
        )
        z = cg.log(x)
        finite = [
            cg.where(safe, f, x).backward(upstream=np.ones(2)).grad(x)
            for f in (triple(z), ones(z, y), three(z, y, y))
        ]
        return (
            good
            and np.allclose(finite[0], [6.0, 1.0])
            and np.allclose(finite[1], [4.0, 1.0])
            and np.allclose(finite[2], [4.0, 1.0])
        )
    finally:
        for name in [n for n in rows if n.startswith("mutation_")]:
            del rows[name]


def _half_raised() -> bool:
    """On floats, a second partial that divides by zero after the first was fine: nothing may be handed on twice."""
    op = elementwise(
        "mutation_half",
        lambda a, b: a * a + 0.0 * b,
        lambda out, a, b: 2.0 * a,
        lambda out, a, b: 0.0 / b,
        scalar=lambda a, b: a * a + 0.0 * b,
    )
    try:
        a, b = cg.parameter("a", 3.0), cg.parameter("b", 0.0)
        run = op(a, b).backward()
        return bool(float(run.grad(a)) == 6.0 and np.isnan(run.grad(b)))
    finally:
        del rows["mutation_half"]


def _floats() -> bool:
    """Graphs of Python floats where Python raises and NumPy answers with inf or nan: the same as on arrays, gradients too."""
    build: list[Callable[[Any, Any], Any]] = [
        lambda a, b: cg.log(a) * b, lambda a, b: b / a, lambda a, b: cg.sqrt(a) * b, lambda a, b: cg.power(a, b), lambda a, b: cg.exp(b) * a,  # noqa: E501
        lambda a, b: cg.reciprocal(a) + cg.reciprocal(b), lambda a, b: cg.bce(a, b), lambda a, b: a * b + a / b, lambda a, b: cg.log(b) - cg.log1p(a),  # noqa: E501
        lambda a, b: cg.power(b, a), lambda a, b: a / b + a, lambda a, b: cg.divide(a, a) * b, lambda a, b: cg.sinh(a * b), lambda a, b: cg.tan(a) / b,  # noqa: E501
        lambda a, b: cg.arcsin(b) * a, lambda a, b: a - b / a, lambda a, b: (b - a) * (b + a) - a,
    ]  # fmt: skip
    for a, b in [
        (0.0, 2.0),
        (0.0, 0.0),
        (1e-320, 800.0),
        (-1.0, 0.5),
        (1.0, 0.0),
        (1e308, 10.0),
        (0.0, -1.5),
        (2.0, 3.0),
        (-2.0, 3.0),
    ]:
        for f in build:
            answers = []
            for shape in ((), (1,)):
                x, y = cg.parameter("x", np.full(shape, a)), cg.parameter("y", np.full(shape, b))
                root = f(x, y)
                run = root.backward()
                answers.append(
                    [np.ravel(run.value(root)), np.ravel(run.grad(x)), np.ravel(run.grad(y))]
                )
            moved = [
                np.ravel(cg.jvp(f, (a_, b_), (np.ones_like(a_), np.ones_like(a_)))[1])
                for a_, b_ in ((np.full((), a), np.full((), b)), (np.full(1, a), np.full(1, b)))
            ]
            if not np.allclose(moved[0], moved[1], rtol=1e-9, atol=1e-12, equal_nan=True):
                return False
            if not all(
                np.allclose(p, q, rtol=1e-9, atol=1e-12, equal_nan=True)
                for p, q in zip(*answers, strict=True)
            ):
                return False
    return True


def _errors() -> bool:
    """A rule that raises says which node it belongs to, whatever path it is on."""

    def bad(out: Any, *xs: Any) -> Any:
        raise RuntimeError("on purpose")

    one, two = (
        elementwise("mutation_bad", np.sin, bad),
        elementwise("mutation_bad2", np.add, bad, bad),
    )
    three = elementwise("mutation_bad3", lambda a, b, c: a + b + c, bad, bad, bad)
    try:
        x = cg.parameter("x", [1.0, 2.0])
        for root in (one(x), two(x, x), three(x, x, x), one(cg.parameter("s", 1.0))):
            try:
                root.backward(upstream=np.ones(root.shape))
            except RuntimeError as error:
                if not any(root.op.name in note for note in getattr(error, "__notes__", [])):
                    return False
            else:
                return False
    finally:
        for name in [n for n in rows if n.startswith("mutation_")]:
            del rows[name]
    return True


EDGES: dict[str, Callable[[], bool]] = {
    "operators": _operators,
    "extremes": _extremes,
    "own rows": _own_rows,
    "floats": _floats,
    "half raised": _half_raised,
    "errors": _errors,
}
