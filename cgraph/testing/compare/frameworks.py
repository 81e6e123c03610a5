"""Functions of PyTorch and JAX, and whole modules of PyTorch, as subjects: any nesting of tuples, lists and dicts, in and out.

Several results are checked together, end to end. A module is checked with respect to its inputs and its parameters, which keep their
names, in float64 and with the same random numbers at every call; where it fails, what it is made of is checked piece by piece, at the
values that came by there, until the `autograd.Function` or the submodule is found whose gradient is wrong. The libraries are never
imported here before somebody has: their own objects lead to them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from cgraph.extras import followed
from cgraph.testing.compare.comparison import Check
from cgraph.testing.compare.subject import FunctionSubject
from cgraph.testing.oracle.complex_step import NotAnalytic
from cgraph.testing.report import Mismatch, Report, Verdict


def name_of(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def leaves(x: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a nesting of tuples, lists and dicts, with their paths.

    >>> list(leaves({"w": [1.0, 2.0]}, "argument 0"))
    [("argument 0['w'][0]", 1.0), ("argument 0['w'][1]", 2.0)]
    """
    if isinstance(x, dict):
        for key, value in x.items():
            yield from leaves(value, f"{path}[{key!r}]")
    elif isinstance(x, tuple | list):
        for i, value in enumerate(x):
            yield from leaves(value, f"{path}[{i}]")
    elif x is not None:
        yield path, x


def tidy(path: str) -> str:
    """``argument [0]['w']`` -> ``argument 0['w']``; the name of a parameter stays as it is."""
    if not path.startswith("argument ["):
        return path
    return path.replace("argument [", "argument ", 1).replace("]", "", 1)


def rebuilt(like: Any, values: Iterator[Any]) -> Any:
    """A nesting like another one, with other leaves."""
    if isinstance(like, dict):
        return {key: rebuilt(value, values) for key, value in like.items()}
    if isinstance(like, tuple | list):
        items = [rebuilt(value, values) for value in like]
        return type(like)(*items) if hasattr(like, "_fields") else type(like)(items)
    return None if like is None else next(values)


def holds(x: Any, kinds: tuple[str, ...]) -> bool:
    """Whether there are arrays of these packages among the leaves."""
    return any(type(leaf).__module__.split(".")[0] in kinds for _, leaf in leaves(x))


def positions_of(wrt: Any, arrays: Sequence[Any]) -> list[int]:
    if wrt is None:
        return [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]
    return [wrt] if isinstance(wrt, int) else list(wrt)


def torch_subject(checked: Any, inputs: Sequence[Any], wrt: Any, torch: Any) -> FunctionSubject:
    """A function of tensors, or an `autograd.Function`."""
    is_class = isinstance(checked, type) and issubclass(checked, torch.autograd.Function)
    call = checked.apply if is_class else checked
    paths, given = zip(*leaves(tuple(inputs), "argument "), strict=True)
    arrays = [
        x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x) for x in given
    ]

    def one(*tensors: Any) -> Any:
        return joined(call(*rebuilt(tuple(inputs), iter(tensors))), torch)

    return _of_tensors(one, arrays, paths, wrt, name_of(checked), torch)


def joined(out: Any, torch: Any) -> Any:
    """Several results end to end; one as it is."""
    found = [
        x
        for _, x in leaves(out)
        if isinstance(x, torch.Tensor) and (x.dtype.is_floating_point or x.is_complex())
    ]
    return found[0] if len(found) == 1 else torch.cat([x.reshape(-1) for x in found])


def _of_tensors(
    one: Callable[..., Any],
    arrays: Sequence[Any],
    paths: Sequence[str],
    wrt: Any,
    name: str,
    torch: Any,
) -> FunctionSubject:
    positions = positions_of(wrt, arrays)

    def tensors(xs: Sequence[Any], track: bool) -> list[Any]:
        return [
            torch.from_numpy(x).requires_grad_(track and x.dtype.kind == "f")
            for x in map(np.array, xs)
        ]

    def value(*xs: Any) -> Any:
        with torch.no_grad(), _same_numbers(torch):
            return one(*tensors(xs, False)).detach().cpu().numpy()

    def pullback(w: Any, *xs: Any) -> list[Any]:
        given = tensors(xs, True)
        with _same_numbers(torch):
            out = one(*given)
        wanted = [given[i] for i in positions]
        if not out.requires_grad:
            return [None for _ in wanted]
        seed = torch.tensor(w, dtype=out.dtype)
        found = torch.autograd.grad(out, wanted, seed, allow_unused=True)
        return [None if g is None else g.detach().cpu().numpy() for g in found]

    subject = FunctionSubject(value, arrays, pullback, positions, name)
    subject.names = [tidy(path) for path in paths]
    return subject


@contextmanager
def _same_numbers(torch: Any) -> Iterator[None]:
    """The same random numbers (of a dropout) at every call."""
    generator = (
        torch.default_generator
    )  # alone: torch.manual_seed seeds devices, too, and takes a stack trace for each
    state = generator.get_state()
    generator.manual_seed(0)
    try:
        yield
    finally:
        generator.set_state(state)


# --- modules of PyTorch -----------------------------------------------------------------------------------------------------------


class ModuleSubject(FunctionSubject):
    """A `torch.nn.Module` with respect to its inputs and parameters; `locate` finds the piece that is wrong."""

    module: Any
    examples: tuple[Any, ...]
    searched = False

    def locate(self, report: Report) -> Mismatch | None:
        """The piece of the module whose gradient is wrong by itself; the report is about that piece from then on."""
        import torch

        if report.subject is not self or self.searched:
            return None
        self.searched = True
        found = _wrong_piece(self.module, self.examples, torch)
        if found is None:
            return None
        place, piece = found
        inner = piece.mismatch
        report.notes.append(f"{place} is wrong by itself: {piece.subject.name}")
        if inner is not None:
            inner.name = piece.subject.name
            inner.sentence = (
                f"{place}: its gradient is not its derivative; what is around it is right"
            )
            report.subject = piece.subject
        return inner


def module_subject(module: Any, inputs: Sequence[Any], wrt: Any, torch: Any) -> ModuleSubject:
    """A copy of the module in float64, as a function of its floating inputs and of its parameters by name."""
    double = copy.deepcopy(module).double()
    parameters = {name: p for name, p in double.named_parameters() if p.requires_grad}
    buffers = {name: b.detach().clone() for name, b in double.named_buffers()}
    paths, given = zip(*leaves(tuple(inputs), "argument "), strict=True)
    data = [_wide(x, torch) for x in given]
    arrays = [x.numpy() for x in data] + [
        p.detach().cpu().numpy().copy() for p in parameters.values()
    ]

    def one(*tensors: Any) -> Any:
        own = dict(zip(parameters, tensors[len(data) :], strict=True))
        state = {name: b.clone() for name, b in buffers.items()}
        args = rebuilt(tuple(inputs), iter(tensors[: len(data)]))
        return joined(torch.func.functional_call(double, {**state, **own}, args), torch)

    flat = _of_tensors(
        one, arrays, [*paths, *map(repr, parameters)], wrt, type(module).__name__, torch
    )
    subject = ModuleSubject(flat.function, arrays, flat.pullback, flat.wrt, flat.name)
    subject.names = flat.names
    subject.module, subject.examples = double, rebuilt(tuple(inputs), iter(data))
    if any(p.dtype != torch.float64 for p in module.parameters()):
        subject.notes.append("a copy of the module was checked in float64")
    return subject


def _wide(x: Any, torch: Any) -> Any:
    x = x.detach().cpu() if isinstance(x, torch.Tensor) else torch.as_tensor(np.asarray(x))
    return x.double() if x.dtype.is_floating_point else x


def _wrong_piece(module: Any, inputs: Any, torch: Any) -> tuple[str, Report] | None:
    """The first `autograd.Function`, else the innermost submodule, that fails at the values that come by there."""
    stack: list[str] = []
    functions: list[tuple[str, Any, tuple[Any, ...]]] = []
    calls: list[tuple[str, Any, tuple[Any, ...]]] = []

    def enter(path: str, child: Any, args: Any) -> None:
        stack.append(path)
        calls.append((path, child, args))

    plain = torch.autograd.Function.__dict__["apply"]

    def recording(cls: Any, *args: Any, **kwargs: Any) -> Any:
        if not kwargs and torch.is_grad_enabled():
            functions.append((stack[-1] if stack else "", cls, args))
        return plain.__func__(cls, *args, **kwargs)

    torch.autograd.Function.apply = classmethod(recording)
    try:
        with _same_numbers(torch), followed(module, enter, lambda path: stack.pop()):
            module(*inputs)
    finally:
        torch.autograd.Function.apply = plain
    for path, cls, args in functions:
        fixed = list(args)
        live = [i for i, x in enumerate(args) if isinstance(x, torch.Tensor)]

        def call(*tensors: Any, cls: Any = cls, fixed: Any = fixed, live: Any = live) -> Any:
            values = list(fixed)
            for i, t in zip(live, tensors, strict=True):
                values[i] = t
            return cls.apply(*values)

        call.__name__ = cls.__name__
        report = _checked(torch_subject(call, [args[i].detach() for i in live], None, torch))
        if report is not None:
            return (
                f"autograd.Function {cls.__name__!r} in module {path or type(module).__name__!r}",
                report,
            )
    for path, child, args in reversed(calls):  # the innermost come last
        if path and not any(True for _ in child.children()):
            report = _checked(module_subject(child, args, None, torch))
            if report is not None:
                return f"module {path!r}", report
    return None


def _checked(subject: FunctionSubject) -> Report | None:
    if not subject.wrt:
        return None
    try:
        report = Check(subject, 0, 2, ("vjp",), "auto").run()
    except Exception:  # a piece that does not stand alone
        return None
    return report if report.verdict is Verdict.FAIL else None


# --- JAX --------------------------------------------------------------------------------------------------------------------------


def jax_subject(checked: Any, inputs: Sequence[Any], wrt: Any) -> FunctionSubject:
    """A function of JAX arrays."""
    import jax

    paths, given = zip(*leaves(tuple(inputs), "argument "), strict=True)
    arrays = [np.asarray(x) for x in given]
    positions = positions_of(wrt, arrays)
    # Complex numbers carry a step as exact as float64, or none.
    wide = jax.numpy.asarray(np.float64(0)).dtype == np.float64
    kind = jax.numpy.inexact if wide else jax.numpy.floating

    def one(*xs: Any) -> Any:
        out = checked(*rebuilt(tuple(inputs), iter(xs)))
        found = [x for _, x in leaves(out) if jax.numpy.issubdtype(jax.numpy.asarray(x).dtype, kind)]  # fmt: skip
        return (
            found[0]
            if len(found) == 1
            else jax.numpy.concatenate([jax.numpy.ravel(x) for x in found])
        )

    def pullback(w: Any, *xs: Any) -> list[Any]:
        at = [jax.numpy.asarray(x) for x in xs]

        def of_wanted(*wanted: Any) -> Any:
            values = list(at)
            for i, x in zip(positions, wanted, strict=True):
                values[i] = x
            return one(*values)

        value, back = jax.vjp(of_wanted, *(at[i] for i in positions))
        return [np.asarray(g) for g in back(jax.numpy.asarray(w, value.dtype))]

    def value(*xs: Any) -> Any:
        if kind is jax.numpy.floating and any(x.dtype.kind == "c" for x in xs):
            raise NotAnalytic("JAX without jax_enable_x64")
        return np.asarray(one(*(jax.numpy.asarray(np.array(x)) for x in xs)))

    subject = FunctionSubject(value, arrays, pullback, positions, name_of(checked))
    subject.names = [tidy(path) for path in paths]
    return subject
