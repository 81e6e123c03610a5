"""Gradient checkers side by side: PyTorch's, JAX's, autograd's and cgraph's, with their defaults, on the cases of `gradient_cases`.

    python benchmarks/checkers.py [--only torch,jax,autograd,cgraph] [--seeds 5] [--list]

A correct gradient that is called wrong is a false alarm; a wrong one that is not is missed. Every checker is handed the same NumPy
function with the same gradient, through its own door for foreign code (`torch.autograd.Function`, `jax.custom_vjp` over
`pure_callback`, autograd's `primitive`). Checkers that are not installed are left out. Cases of more than 20,000 numbers go to cgraph
alone: the others would take hours.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from gradient_cases import right, wrong
from timing import QUICK

Verdict = str  # "right", "wrong", "unsure" or "crash"


def pieces(vjp: Callable[..., Any], upstream: Any, inputs: Any) -> list[Any]:
    found = vjp(upstream, *inputs)
    return list(found) if isinstance(found, tuple) else [found]


def by_torch(function: Any, vjp: Any, inputs: Any) -> Verdict:
    import torch

    class Foreign(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *xs: Any) -> Any:
            ctx.save_for_backward(*xs)
            return torch.as_tensor(np.array(function(*(x.detach().numpy() for x in xs))))

        @staticmethod
        def backward(ctx: Any, u: Any) -> Any:
            found = pieces(vjp, u.numpy(), [x.detach().numpy() for x in ctx.saved_tensors])
            return tuple(torch.as_tensor(np.asarray(g)) for g in found)

    given = [torch.as_tensor(x).requires_grad_() for x in inputs]
    try:
        return "right" if torch.autograd.gradcheck(Foreign.apply, given) else "wrong"
    except RuntimeError:  # GradcheckError
        return "wrong"


def by_jax(function: Any, vjp: Any, inputs: Any) -> Verdict:
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    shape = np.asarray(function(*inputs))

    @jax.custom_vjp
    def foreign(*xs: Any) -> Any:
        like = jax.ShapeDtypeStruct(shape.shape, shape.dtype)
        return jax.pure_callback(lambda *a: np.asarray(function(*map(np.asarray, a)), shape.dtype), like, *xs)  # fmt: skip

    def backward(xs: Any, u: Any) -> Any:
        like = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in xs)

        def call(w: Any, *a: Any) -> Any:
            found = pieces(vjp, np.array(w), [np.array(x) for x in a])
            return tuple(np.asarray(g, x.dtype) for g, x in zip(found, a, strict=True))

        return jax.pure_callback(call, like, u, *xs)

    foreign.defvjp(lambda *xs: (foreign(*xs), xs), backward)
    try:
        check_grads(foreign, tuple(map(jax.numpy.asarray, inputs)), order=1, modes=["rev"])
    except (AssertionError, jax.errors.JaxRuntimeError, ValueError, TypeError) as error:
        return "wrong" if isinstance(error, AssertionError) or "hape" in str(error) else "crash"
    return "right"


def by_autograd(function: Any, vjp: Any, inputs: Any) -> Verdict:
    from autograd.extend import defvjp_argnum, primitive
    from autograd.test_util import check_grads

    foreign = primitive(lambda *xs: function(*xs))
    defvjp_argnum(
        foreign, lambda i, out, args, kwargs: lambda u: np.asarray(pieces(vjp, u, args)[i])
    )
    try:
        for i in range(len(inputs)):
            check_grads(foreign, i, modes=["rev"], order=1)(*inputs)
    except AssertionError:
        return "wrong"
    return "right"


def by_cgraph(function: Any, vjp: Any, inputs: Any, seed: int = 0) -> Verdict:
    from cgraph import testing

    report = testing.check_gradients(function, *inputs, vjp=vjp, seed=seed)
    return {"FAIL": "wrong", "INCONCLUSIVE": "unsure"}.get(str(report.verdict), "right")


CHECKERS: dict[str, Callable[..., Verdict]] = {
    "torch": by_torch,
    "jax": by_jax,
    "autograd": by_autograd,
    "cgraph": by_cgraph,
}
TITLES = {
    "torch": "torch.autograd.gradcheck",
    "jax": "jax.test_util.check_grads",
    "autograd": "autograd.test_util.check_grads",
    "cgraph": "cgraph.testing.check_gradients",
}


def verdicts(checker: str, make: Any, seeds: int) -> Counter[Verdict]:
    """What a checker says of a case; cgraph, which draws directions, over several seeds."""
    found: Counter[Verdict] = Counter()
    for seed in range(seeds if checker == "cgraph" else 1):
        np.random.seed(0)
        options = {"seed": seed} if checker == "cgraph" else {}
        try:
            found[CHECKERS[checker](*make(), **options)] += 1
        except Exception:
            found["crash"] += 1
    return found


def report(
    only: str = "torch,jax,autograd,cgraph", seeds: int = 1 if QUICK else 5, remarks: bool = False
) -> list[str]:
    """The table, as lines of Markdown; with `remarks`, every case that a checker gets wrong below its row."""
    lines = [
        "## Gradient checkers",
        "",
        f"{len(right.CASES)} correct gradients at hard points, {len(wrong.CASES)} wrong ones; cgraph with {seeds} seeds.",
        "",
        "| checker | correct: false alarms | unsure | wrong: found | on some seeds | unsure | missed | crashes | CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name in only.split(","):
        try:
            __import__(name)
        except ModuleNotFoundError:
            continue
        begun = time.process_time()
        count: Counter[str] = Counter()
        told = []
        for title, make in right.CASES.items():
            if name != "cgraph" and sum(np.size(x) for x in make()[2]) > 20_000:
                continue
            said = verdicts(name, make, seeds)
            count["alarms"] += "wrong" in said
            count["unsure"] += "wrong" not in said and "unsure" in said
            count["crashes"] += "crash" in said
            told += [] if set(said) == {"right"} else [f"    correct: {title}: {dict(said)}"]
        for title, make in wrong.CASES.items():
            said = verdicts(name, make, seeds)
            count["found"] += set(said) == {"wrong"}
            count["some"] += "wrong" in said and len(said) > 1
            count["doubt"] += "wrong" not in said and "unsure" in said
            count["missed"] += set(said) == {"right"}
            count["crashes"] += "crash" in said
            told += [] if set(said) == {"wrong"} else [f"    wrong: {title}: {dict(said)}"]
        took = time.process_time() - begun
        figures = [
            count[k] for k in ("alarms", "unsure", "found", "some", "doubt", "missed", "crashes")
        ]
        lines.append(f"| `{TITLES[name]}` | {' | '.join(map(str, figures))} | {took:.0f} |")
        lines += told if remarks else []
    return [*lines, ""]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="torch,jax,autograd,cgraph")
    parser.add_argument("--seeds", type=int, default=5, help="directions that cgraph draws")
    parser.add_argument("--list", action="store_true", help="every case that a checker gets wrong")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    print("\n".join(report(options.only, options.seeds, options.list)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
