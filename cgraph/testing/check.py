"""`check_gradients`: is this gradient the derivative of this function? PASS, FAIL, KINK, DOMAIN or INCONCLUSIVE, and why.

The public face of the checks. What may be checked is in `adapters.py`, how two derivatives are compared in `comparison.py`, what
happens when they differ in `compare/inquiry.py`, who is to blame in `localize/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cgraph.testing.compare.adapters import as_subject
from cgraph.testing.compare.comparison import Check
from cgraph.testing.compare.frameworks import ModuleSubject
from cgraph.testing.report import GradientMismatch, Report, Verdict


def check_gradients(
    checked: Any,
    *inputs: Any,
    wrt: Any = None,
    vjp: Callable[..., Any] | None = None,
    gradient: Callable[..., Any] | None = None,
    order: int = 1,
    modes: Sequence[str] = ("vjp", "jvp"),
    reference: str = "auto",
    projections: int = 2,
    seed: int = 0,
) -> Report:
    """Compare a gradient with an exact reference, and say where it is wrong if it is.

    Args:
        checked: a node; a function of nodes; a NumPy function, with `vjp` or `gradient` beside it; or a function that returns
            ``(value, gradient)`` or ``(value, pullback)``, as PyTorch- and JAX-style code does; a function of torch tensors or JAX
            arrays, in any nesting; a `torch.nn.Module`, which is checked with respect to its parameters by name, too.
        inputs: the point. For a node: values of its inputs in order, or one mapping ``{node: array}``; may be left out.
        wrt: what to differentiate by: nodes, or positions of inputs. Default: the parameters, else all floating point inputs.
        vjp: ``vjp(upstream, *inputs)`` -> one gradient an input (None for an input without).
        gradient: the same for a scalar function, without upstream: ``gradient(*inputs)``.
        order: 2 checks the derivative of the gradient, too (graphs only).
        modes: which of the engine's ways are checked: "vjp" (backward), "jvp" (forward mode), "graph" (`cgraph.gradient`).
        reference: "auto", or "richardson" for differences only.
        projections: how many random directions.
        seed: of the directions.

    A function is also asked twice, with the upstream turned round in between, and at points beside the given one: a gradient that
    depends on how often it was asked, or that is wrong right beside a kink, fails.

    Raises:
        ValueError: for options that would check nothing.

    Returns:
        A `Report`: `.verdict` is PASS, FAIL, KINK, DOMAIN or INCONCLUSIVE; `print(report)` says why and shows where.

    >>> import numpy as np
    >>> from cgraph import testing
    >>> testing.check_gradients(lambda x: np.sum(np.sin(x) * x), np.array([0.5, -2.0])).verdict
    <Verdict.PASS: 'PASS'>
    >>> cube = lambda x: x**3
    >>> report = testing.check_gradients(cube, np.array([1.0, 2.0]), vjp=lambda u, x: u * 2 * x**2)
    >>> report.verdict, report.blame.hint
    (<Verdict.FAIL: 'FAIL'>, 'got = 2/3 × expected: a factor is missing')
    """
    _refuse(order, modes, reference, projections, vjp, gradient)
    subject = as_subject(checked, inputs, wrt, vjp, gradient)
    report = Check(subject, seed, projections, modes, reference).judge()
    if report.verdict is Verdict.FAIL and isinstance(subject, ModuleSubject):
        subject.locate(report)
    if order > 1 and report.verdict in (Verdict.PASS, Verdict.KINK):
        from cgraph.testing.second import second_order

        return second_order(subject, report, order, modes, seed)
    return report


MODES = ("vjp", "jvp", "graph")


def _refuse(
    order: Any, modes: Any, reference: Any, projections: Any, vjp: Any, gradient: Any
) -> None:
    """Options that would check nothing, or something else than was meant, are refused."""
    if isinstance(modes, str) or not modes or not set(modes) <= set(MODES):
        raise ValueError(f"modes={modes!r}: give some of {MODES}, as a tuple")
    if "vjp" not in modes:
        raise ValueError(f"modes={modes!r}: 'vjp' is what the others are held against; keep it")
    if reference not in ("auto", "richardson"):
        raise ValueError(f"reference={reference!r}: 'auto' or 'richardson'")
    if projections < 1 or order < 1:
        raise ValueError(
            f"projections={projections}, order={order}: at least 1, or nothing is checked"
        )
    if vjp is not None and gradient is not None:
        raise ValueError("give vjp= or gradient=, not both")


def assert_gradients(checked: Any, *inputs: Any, strict: bool = False, **options: Any) -> Report:
    """`check_gradients`, raising `GradientMismatch` when it fails; with `strict`, also when it is inconclusive.

    >>> import cgraph as cg
    >>> from cgraph import testing
    >>> w = cg.parameter("w", 2.0)
    >>> testing.assert_gradients(cg.square(w)).verdict
    <Verdict.PASS: 'PASS'>
    """
    report = check_gradients(checked, *inputs, **options)
    if report.verdict is Verdict.FAIL or (strict and report.verdict is Verdict.INCONCLUSIVE):
        raise GradientMismatch(report)
    return report
