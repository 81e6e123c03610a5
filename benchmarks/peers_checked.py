"""cgraph's checks on other people's derivatives: PyTorch, JAX, autograd and MyGrad at hard points, with the truth beside them.

The gradients of functions of numbers, arrays and matrices, and of nets (`peer_cases/`), in float64 and float32, are held against
differences with sixty to fifteen hundred digits (mpmath). An error counts when it is larger than what a change of every input by one
unit in the last place explains. What the libraries choose where there is no derivative (ties, corners) is listed apart: nobody is wrong.

    python benchmarks/peers_checked.py [torch jax autograd mygrad] [--only NAME] [--write]

``--write`` makes docs/peers-checked.md anew.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mpmath
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from peer_cases import PEERS, SUBJECTS, Case
from peer_cases.case import NAMES
from peer_cases.matrices import W
from peer_cases.truth import value_and_gradient

from cgraph import testing

PAGE = Path(__file__).parent.parent / "docs" / "peers-checked.md"
TOLERANCE = {"float64": 1e-11, "float32": 2e-5}  # relative errors that nobody would call rounding
WRONG = 1e-3
TITLES = {"torch": "PyTorch", "jax": "JAX", "autograd": "autograd", "mygrad": "MyGrad"}


# --- what a library is asked ----------------------------------------------------------------------------------------------------


def names_of(peer: str) -> dict[str, Any]:
    """What an expression may use."""
    if peer == "torch":
        torch = import_module("torch")
        return {"torch": torch, "F": torch.nn.functional}
    if peer == "jax":
        jax = import_module("jax")
        jax.config.update("jax_enable_x64", True)
        import_module("jax.scipy.stats"), import_module("jax.scipy.linalg")
        return {"jax": jax, "jnp": jax.numpy}
    if peer == "autograd":
        for module in ("linalg", "special", "stats", "signal"):
            import_module(f"autograd.scipy.{module}")
        return {"np": import_module("autograd.numpy"), "scipy": import_module("autograd.scipy")}
    mygrad = import_module("mygrad")
    return {"mg": mygrad, "np": np}


@dataclass
class Call:
    """One function of one library."""

    peer: str
    text: str
    f: Callable[..., Any]

    def gradients(self, args: tuple[Any, ...], wrt: tuple[int, ...]) -> tuple[float, list[Any]]:
        """The value and the gradients, as arrays."""
        if self.peer == "torch":
            torch = import_module("torch")
            given = [torch.tensor(x) for x in args]
            for i in wrt:
                given[i].requires_grad_()
            out = self.f(*given)
            found = torch.autograd.grad(out, [given[i] for i in wrt], allow_unused=True)
            return float(out.detach()), [
                np.zeros_like(args[i]) if g is None else g.numpy()
                for i, g in zip(wrt, found, strict=True)
            ]
        if self.peer == "jax":
            jax = import_module("jax")
            value, found = jax.value_and_grad(self.f, wrt)(*map(jax.numpy.asarray, args))
            return float(value), [np.asarray(g) for g in found]
        if self.peer == "autograd":
            grad = import_module("autograd").grad
            with np.errstate(all="ignore"):
                return float(self.f(*args)), [np.asarray(grad(self.f, i)(*args)) for i in wrt]
        mygrad = import_module("mygrad")
        tensors = [mygrad.tensor(x, constant=i not in wrt) for i, x in enumerate(args)]
        out = self.f(*tensors)
        out.backward()
        return float(out), [
            np.zeros_like(args[i]) if tensors[i].grad is None else np.asarray(tensors[i].grad)
            for i in wrt
        ]

    def verdict(self, args: tuple[Any, ...], wrt: tuple[int, ...]) -> str:
        """What cgraph's check says, which does not know the truth."""
        try:
            if self.peer in ("torch", "jax"):
                kind = (
                    import_module("torch").tensor
                    if self.peer == "torch"
                    else import_module("jax").numpy.asarray
                )
                return str(testing.check_gradients(self.f, *map(kind, args), wrt=list(wrt)).verdict)

            def plain(*x: Any) -> Any:
                return np.asarray(getattr(self.f(*x), "data", self.f(*x)))

            def vjp(u: Any, *x: Any) -> Any:
                found = dict(zip(wrt, self.gradients(x, wrt)[1], strict=True))
                return (
                    [u * found[i] if i in found else None for i in range(len(x))]
                    if len(x) > 1
                    else u * found[0]
                )

            return str(testing.check_gradients(plain, *args, wrt=list(wrt), vjp=vjp).verdict)
        except Exception as error:
            return type(error).__name__


def calls(case: Case, peers: list[str]) -> Iterator[Call]:
    """The function in each library that has it; of several spellings the first that is there."""
    for peer in peers:
        for text in case.calls.get(peer, "").split("|") if case.calls.get(peer) else ():
            space = names_of(peer)
            try:
                w: Any = import_module("torch").tensor(W) if peer == "torch" else W
                f = eval(
                    f"lambda {', '.join(NAMES[: len(case.points[0])])}: {text}", {**space, "w": w}
                )
                eval(text.split("(")[0], space) if "|" in case.calls[peer] else None
            except (AttributeError, SyntaxError, NameError):
                continue
            yield Call(peer, text, f)
            break


# --- what is found --------------------------------------------------------------------------------------------------------------


@dataclass
class Finding:
    """One gradient that is not the truth."""

    peer: str
    subject: str
    name: str
    call: Call
    args: tuple[Any, ...]
    wrt: tuple[int, ...]
    kind: str
    got: Any
    truth: Any
    error: float
    where: int
    check: str = ""


KINDS = {
    "NaN or infinite": "gradients that are NaN or infinite where there is a derivative",
    "raises": "gradients that are refused where there is a derivative",
    "wrong": "gradients with less than three digits",
    "digits": "gradients that lose digits",
    "dtype": "gradients of another dtype than the input",
}


def close_enough(got: Any, truth: Any, loose: Any, eps: float, tolerance: float) -> float:
    """The relative error, and 0 where it is explained by the last digits of the inputs."""
    truth, loose = np.asarray(truth, np.float64), np.asarray(loose, np.float64)
    scale = float(np.max(np.abs(truth), initial=0.0))
    off = float(np.max(np.abs(np.asarray(got, np.float64) - truth), initial=0.0))
    if off <= 200 * float(np.max(loose, initial=0.0)) + tolerance * scale or scale < 1e-290:
        return 0.0
    return off / scale


def looseness(case: Case, args: tuple[Any, ...], truth: list[Any], eps: float) -> list[Any]:
    """How far the gradient moves when every input moves by one unit in the last place."""
    rng = np.random.default_rng(0)
    moved = [np.zeros(t.shape) for t in truth]
    for _ in range(2):
        others = tuple(
            x * (1 + mpmath.mpf(eps) * rng.choice([-1, 1], np.shape(x)))
            if np.asarray(x).dtype.kind == "f"
            else x
            for x in args
        )
        try:
            _, nearby = value_and_gradient(case.truth, others, case.wrt, case.digits)
        except Exception:
            return [np.full(t.shape, np.inf) for t in truth]
        for k, (a, b) in enumerate(zip(nearby, truth, strict=True)):
            moved[k] = np.maximum(moved[k], np.asarray(np.abs(a - b), np.float64))
    return moved


@dataclass
class Sweep:
    """All that was looked at."""

    findings: list[Finding]
    choices: list[tuple[str, str, tuple[Any, ...], Any]]
    functions: Counter[str]
    gradients: Counter[str]


def sweep(peers: list[str], only: str = "") -> Sweep:
    """Every case in every library."""
    result = Sweep([], [], Counter(), Counter())
    for subject, cases in SUBJECTS.items():
        for case in cases:
            if only and only not in case.name:
                continue
            there = list(calls(case, peers))
            result.functions.update(c.peer for c in there)
            for dtype in ("float64", "float32")[: 1 + case.single] if there else ():
                for args in case.points:
                    one_point(result, subject, case, there, args, dtype)
            for args in case.kinks:
                for call in there:
                    try:
                        chosen = call.gradients(args, case.wrt)[1]
                    except Exception:
                        continue
                    result.choices.append((case.name, call.peer, args, chosen))
    return result


def one_point(
    result: Sweep, subject: str, case: Case, there: list[Call], args: Any, dtype: str
) -> None:
    """All libraries at one point, in one precision."""
    eps, tolerance = float(np.finfo(dtype).eps), TOLERANCE[dtype]
    given = args
    with np.errstate(all="ignore"):
        args = tuple(np.asarray(x, dtype) if np.asarray(x).dtype.kind == "f" else x for x in args)
    if any(np.any((x == 0) != (np.asarray(y) == 0)) for x, y in zip(args, given, strict=True)):
        return  # too small for float32
    smallest, largest = (1e-35, 1e35) if dtype == "float32" else (1e-290, 1e300)
    if any(
        not np.all(np.isfinite(x))
        or (np.any((x != 0) & (np.abs(x) < smallest)) and dtype == "float32")
        for x in args
    ):
        return
    try:
        value, truth = value_and_gradient(case.truth, args, case.wrt, case.digits)
        wide = [np.asarray([float(v) for v in t.flat]).reshape(t.shape) for t in truth]
    except Exception as error:
        print(f"no truth: {case.name} at {args}: {type(error).__name__} {error}", file=sys.stderr)
        return
    sizes = [np.max(np.abs(t), initial=0.0) for t in wide]
    if not np.all(np.isfinite(sizes)) or max(sizes, default=0) > largest or abs(value) > largest:
        return
    loose = None
    for call in there:
        try:
            found_value = float(call.f(*(_as(call.peer, x) for x in args)))
        except Exception:
            continue  # the function itself does not take the point
        result.gradients[call.peer] += 1
        try:
            _, found = call.gradients(args, case.wrt)
        except Exception as error:
            if not any(words in str(error) for words in ("not implemented", "not require grad")):
                add(
                    result,
                    subject,
                    case,
                    call,
                    args,
                    "raises",
                    type(error).__name__,
                    wide,
                    np.inf,
                    0,
                )
            continue
        if not np.isfinite(found_value):
            continue
        for k, (g, t) in enumerate(zip(found, wide, strict=True)):
            if dtype == "float32" and g.dtype != np.float32 and g.size:
                add(result, subject, case, call, args, "dtype", g.dtype.name, t, 0.0, k)
            if g.shape != t.shape:
                add(result, subject, case, call, args, "wrong", g, t, np.inf, k)
            elif not np.all(np.isfinite(g)):
                add(result, subject, case, call, args, "NaN or infinite", g, t, np.inf, k)
            elif 0 < sizes[k] < smallest:
                continue
            else:
                if close_enough(g, t, 0.0, eps, tolerance) and loose is None:
                    loose = looseness(case, args, truth, eps)
                error = close_enough(g, t, 0.0 if loose is None else loose[k], eps, tolerance)
                if error:
                    add(
                        result,
                        subject,
                        case,
                        call,
                        args,
                        "wrong" if error > WRONG else "digits",
                        g,
                        t,
                        error,
                        k,
                    )


def _as(peer: str, x: Any) -> Any:
    if peer == "torch":
        return import_module("torch").tensor(x)
    return import_module("jax").numpy.asarray(x) if peer == "jax" else x


def add(result: Sweep, subject: str, case: Case, call: Call, args: Any, kind: str, got: Any, truth: Any, error: float,
     k: int) -> None:  # fmt: skip
    result.findings.append(
        Finding(
            call.peer,
            subject,
            case.name,
            call,
            args,
            case.wrt,
            kind,
            got,
            truth,
            error,
            case.wrt[k],
        )
    )


def worst(findings: list[Finding]) -> list[Finding]:
    """Of each function, kind and precision the point where it is worst; a float32 finding only where there is none in float64."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = defaultdict(list)
    for f in findings:
        groups[f.peer, f.name, f.kind, f.args[0].dtype.name].append(f)
    chosen = []
    for (peer, name, kind, dtype), group in groups.items():
        if (
            dtype == "float32"
            and kind != "dtype"
            and any((peer, name, k, "float64") in groups for k in KINDS)
        ):
            continue
        chosen.append(max(group, key=lambda f: (f.error, -f.args[0].size)))
    return chosen


# --- the page -------------------------------------------------------------------------------------------------------------------


def number(x: Any, digits: int = 17) -> str:
    return (
        np.format_float_scientific(x, precision=digits - 1, trim="-", exp_digits=1)
        if 0 < abs(x) < 1e-4 or abs(x) >= 1e16
        else repr(float(x))
    )


def shown(x: Any, digits: int = 17) -> str:
    """Numbers as short as they say what is meant."""
    if isinstance(x, str):
        return x
    x = np.asarray(x)
    if x.ndim == 0:
        return number(np.float64(x), digits)
    return "[" + ", ".join(shown(v, digits) for v in x) + "]"


def literal(peer: str, x: Any) -> str:
    """An argument as one types it."""
    x = np.asarray(x)
    text = shown(np.asarray(x, np.float64)) if x.dtype == np.float64 else shown_single(x)
    single = x.dtype == np.float32
    if peer == "torch":
        return f"torch.tensor({text}, dtype=torch.{x.dtype.name}, requires_grad=True)"
    kind = f", {'jnp' if peer == 'jax' else 'np'}.float32" if single else ""
    return f"{'jnp' if peer == 'jax' else 'np'}.array({text}{kind})"


def shown_single(x: Any) -> str:
    return str(float(str(x))) if x.ndim == 0 else "[" + ", ".join(shown_single(v) for v in x) + "]"


def reproduction(f: Finding) -> str:
    """Three lines: arguments, gradient, and the truth beside it."""
    names = NAMES[: len(f.args)]
    lines = [f"{', '.join(names)} = {', '.join(literal(f.peer, x) for x in f.args)}"]
    at, text = f.where, f.call.text
    if " w" in text:
        lines[0] += (
            f"; w = {'torch.tensor' if f.peer == 'torch' else 'np.array'}(np.arange(9.0).reshape(3, 3) / 7)"
        )
    if f.peer == "torch":
        lines.append(f"print(torch.autograd.grad({text}, {names[at]}))")
    elif f.peer == "mygrad":
        lines[0] = (
            f"{', '.join(names)} = {', '.join(f'mg.tensor({literal(f.peer, x)})' for x in f.args)}"
        )
        lines.append(f"{text}.backward(); print({names[at]}.grad)")
    else:
        grad = "jax.grad" if f.peer == "jax" else "autograd.grad"
        where = f", {at}" if at else ""
        lines.append(f"print({grad}(lambda {', '.join(names)}: {text}{where})({', '.join(names)}))")
    lines.append(
        f"# {f.kind if f.kind == 'raises' else 'gives'} {brief(f.got)}; the truth is {brief(f.truth)}"
    )
    return "\n".join(lines)


def brief(x: Any) -> str:
    if isinstance(x, str | list):
        return str(x) if isinstance(x, str) else brief(x[0])
    x = np.asarray(x, np.float64)
    if x.size > 9:
        return f"{shown(x.ravel()[:4], 8)[:-1]}, ...]"
    return shown(x, 17 if x.size == 1 else 8)


IMPORTS = {
    "torch": "import numpy as np\nimport torch\nimport torch.nn.functional as F",
    "jax": 'import jax\nimport jax.numpy as jnp\nimport numpy as np\n\njax.config.update("jax_enable_x64", True)',
    "autograd": "import autograd\nimport autograd.numpy as np\nimport autograd.scipy as scipy\n"
    "import autograd.scipy.linalg, autograd.scipy.special, autograd.scipy.stats",
    "mygrad": "import mygrad as mg\nimport numpy as np",
}


HEAD = """# Peers, checked

Gradients of {libraries} at hard points: tails, ties, zeros, sizes 0 and 1, float32;
functions of numbers, arrays and matrices, distributions, and functions of nets. Made by `python benchmarks/peers_checked.py --write`; the
cases stand in `benchmarks/peer_cases/`.

Each gradient is held against differences with 60 to 1,500 digits (mpmath). It counts as off when the error is larger than what a change of
every input by one unit in the last place explains, 200 times over, and larger than 10⁻¹¹ (float32: 2·10⁻⁵).
"""
NOTES = """A function is counted once in each column, at the point where it is worst. The check column says what
`testing.check_gradients` makes of the gradient *without* knowing the truth: FAIL is wrong beyond what rounding explains; INCONCLUSIVE says
that no difference of float64 values can tell (where a function is 1 to sixteen digits, its values hold no information on a slope of
10⁻¹⁷); KINK sees a corner nearby; PASS, that the loss is within what the function's own values can show. [Numerics](numerics.md) says how
cgraph keeps the digits of such tails.
"""
APART = """## Where there is no derivative

At ties and corners each library chooses; none of these is wrong, and NaN is a choice too. What cgraph chooses stands in its
[conventions](conventions.md).
"""


def page(result: Sweep, chosen: list[Finding]) -> str:
    """docs/peers-checked.md."""
    counts = Counter((f.peer, f.kind) for f in chosen)
    peers = [p for p in PEERS if result.functions[p]]
    table = [
        f"| {TITLES[p]} | {result.functions[p]} | {result.gradients[p]} | "
        + " | ".join(str(counts[p, k]) for k in KINDS)
        + " |"
        for p in peers
    ]
    titles = "| | functions | gradients compared | " + " | ".join(KINDS) + " |"
    libraries = ", ".join(f"{TITLES[p]} {version(p)}" for p in peers)
    lines = [
        HEAD.format(libraries=libraries),
        titles,
        "|---|---|---|" + "---|" * len(KINDS),
        *table,
        "",
        NOTES,
    ]
    for peer in peers:
        mine = [f for f in chosen if f.peer == peer]
        if not mine:
            continue
        lines += [f"## {TITLES[peer]}", ""]
        for kind, title in KINDS.items():
            of_kind = [f for f in mine if f.kind == kind]
            if not of_kind:
                continue
            lines += [f"### {title[0].upper()}{title[1:]}", ""]
            if kind == "dtype":
                lines += [
                    "float32 in, "
                    + ", ".join(sorted({f"{f.got} out" for f in of_kind}))
                    + ": "
                    + ", ".join(f"`{f.name}`" for f in of_kind)
                    + ".",
                    "",
                ]
                continue
            lines += [
                "| gradient of | at | it gives | truth | relative error | check |",
                "|---|---|---|---|---|---|",
            ]
            for f in of_kind:
                error = (
                    "" if not np.isfinite(f.error) else "all" if f.error >= 1 else f"{f.error:.0e}"
                )
                where = "; ".join(brief(x) for x in f.args) + (
                    " (float32)" if f.args[0].dtype == np.float32 else ""
                )
                cells = [f"`{f.name}`", where, brief(f.got), brief(f.truth), error, f.check]
                lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
            lines.append("")
        lines += ["### To see it", "", "```python", IMPORTS[peer]]
        for f in mine:
            if f.kind != "dtype":
                lines += ["", f"# {f.name}", reproduction(f)]
        lines += ["```", ""]
    lines += choices(result)
    return "\n".join(lines) + "\n"


def choices(result: Sweep) -> list[str]:
    """Where there is no derivative: what each library chooses, and nobody is wrong."""
    table: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for name, peer, args, chosen in result.choices:
        table[name, "; ".join(brief(x) for x in args)][peer] = "; ".join(brief(g) for g in chosen)
    lines = [
        APART,
        "| function | at | " + " | ".join(TITLES[p] for p in PEERS) + " |",
        "|---|---|" + "---|" * len(PEERS),
    ]
    for (name, where), by in table.items():
        lines.append(f"| `{name}` | {where} | " + " | ".join(by.get(p, "") for p in PEERS) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("peers", nargs="*", default=list(PEERS))
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--write", action="store_true", help="make docs/peers-checked.md anew")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    result = sweep(options.peers, options.only)
    chosen = worst(result.findings)
    for f in chosen:
        f.check = f.call.verdict(f.args, f.wrt) if f.kind not in ("dtype", "raises") else ""
        print(f"{f.peer:8} {f.kind:16} {f.name} at {'; '.join(brief(x) for x in f.args)} ({f.args[0].dtype}): "
              f"{brief(f.got)}, truth {brief(f.truth)}, error {f.error:.1e}  check: {f.check}", flush=True)  # fmt: skip
    print(
        dict(result.functions),
        dict(result.gradients),
        f"{len(result.findings)} findings, {len(chosen)} functions",
    )
    if options.write:
        PAGE.write_text(page(result, chosen), encoding="utf-8")


if __name__ == "__main__":
    main()
