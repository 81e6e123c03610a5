"""Every float32 logit: the largest error in ulp of the binary-classification kernels over all 2^32 bit patterns.

    nice python benchmarks/sweep_float32.py            # goes on where it was stopped; one core, an hour or so
    python benchmarks/sweep_float32.py --report        # what has been found so far

For y = 0 and y = 1: the value and the gradient of `stable_bce`; sigmoid, its slope, softplus, log_sigmoid, tanh. The reference is float64, by other formulas
than the kernels'; its own relative error is below 2^-50, that is 10^-7 ulp of a float32, given that NumPy's float64 exp, log1p and tanh are good
to 4 ulp, which `check_reference` holds against mpmath before anything is counted. Errors are in units in the last place of the exact
result rounded to float32; below the smallest normal number, where the spacing is constant, in that spacing. NaN must give NaN.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from cgraph.ops import OPS

STATE = Path(__file__).with_name("sweep_float32.json")
CHUNK = 1 << 18
TOTAL = 1 << 32


def reference(z):
    """name -> exact value, for float64 copies of float32 numbers."""
    size = np.abs(z)
    s = np.exp(-size)
    minor, major = s / (1 + s), 1 / (1 + s)  # σ(−|z|), σ(|z|)
    up, down = np.where(z < 0, minor, major), np.where(z < 0, major, minor)
    tail = np.log1p(s)
    plus, minus = np.where(z < 0, tail, size + tail), np.where(z < 0, size + tail, tail)
    two = np.exp(-2 * size)
    return {
        "stable_bce, y=0": plus, "stable_bce, y=1": minus, "gradient, y=0": up, "gradient, y=1": -down,
        "sigmoid": up, "sigmoid_slope": minor * major, "softplus": plus, "log_sigmoid": -minus,
        "tanh": np.copysign(-np.expm1(-2 * size) / (1 + two), z),
    }  # fmt: skip


def computed(z):
    zero, one = np.float32(0), np.float32(1)
    bce, slope = OPS["stable_bce"].forward, OPS["stable_bce_slope"].forward
    return {
        "stable_bce, y=0": bce(z, zero), "stable_bce, y=1": bce(z, one), "gradient, y=0": slope(z, zero), "gradient, y=1": slope(z, one),
        **{name: OPS[name].forward(z) for name in ("sigmoid", "sigmoid_slope", "softplus", "log_sigmoid", "tanh")},
    }  # fmt: skip


def ulps(got, exact):
    """The largest error and where."""
    assert got.dtype == np.float32
    target = exact.astype(np.float32)
    with np.errstate(all="ignore"):
        error = np.abs(got - exact) / np.spacing(
            np.maximum(np.abs(target), np.finfo(np.float32).tiny)
        ).astype(np.float64)
    same = (got == target) | (np.isnan(got) & np.isnan(exact))
    error = np.where(np.isfinite(error), error, np.where(same, 0.0, np.inf))
    k = int(np.argmax(error))
    return float(error[k]), k


def check_reference(n=2000):
    import mpmath

    rng = np.random.default_rng(0)
    z = (
        np.concatenate(
            [rng.uniform(-110, 110, n), rng.choice([-1, 1], n) * 10 ** rng.uniform(-38, 2, n)]
        )
        .astype(np.float32)
        .astype(np.float64)
    )
    found = reference(z)
    exp, log1p = mpmath.exp, mpmath.log1p
    exact = {
        "stable_bce, y=0": lambda x: log1p(exp(x)), "stable_bce, y=1": lambda x: log1p(exp(-x)), "gradient, y=0": lambda x: 1 / (1 + exp(-x)),
        "gradient, y=1": lambda x: -1 / (1 + exp(x)), "sigmoid_slope": lambda x: 1 / ((1 + exp(x)) * (1 + exp(-x))), "tanh": mpmath.tanh,
    }  # fmt: skip
    worst = 0.0
    with mpmath.workdps(120):
        for name, f in exact.items():
            for x, v in zip(z, found[name], strict=True):
                t = f(mpmath.mpf(float(x)))
                worst = max(worst, float(abs(mpmath.mpf(float(v)) - t) / abs(t)) if t else 0.0)
    assert worst < 2.0**-50, worst
    return worst


def load():
    if STATE.exists():
        return json.loads(STATE.read_text())
    return {
        "next": 0,
        "seconds": 0.0,
        "numpy": np.__version__,
        "worst": {},
        "reference error": check_reference(),
    }


def save(state):
    temporary = STATE.with_suffix(".tmp")
    temporary.write_text(json.dumps(state, indent=1) + "\n")
    os.replace(temporary, STATE)


def report(state):
    print(
        f"{state['next']} of {TOTAL} float32 numbers ({100 * state['next'] / TOTAL:.1f} %), {state['seconds']:.0f} s of CPU"
    )
    for name, (error, where) in state["worst"].items():
        print(f"  {name:18} {error:.6f} ulp at {where}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--report", action="store_true")
    parser.add_argument(
        "--chunks", type=int, default=TOTAL // CHUNK, help="stop after so many chunks of 2^18"
    )
    options = parser.parse_args()
    state = load()
    if not options.report:
        started, before = time.process_time(), state["seconds"]
        for chunk in range(options.chunks):
            if state["next"] >= TOTAL:
                break
            z = (
                np.arange(state["next"], state["next"] + CHUNK, dtype=np.uint64)
                .astype(np.uint32)
                .view(np.float32)
            )
            with np.errstate(all="ignore"):
                exact, found = reference(z.astype(np.float64)), computed(z)
            for name, value in exact.items():
                error, k = ulps(found[name], value)
                if name not in state["worst"] or error > state["worst"][name][0]:
                    state["worst"][name] = [error, repr(float(z[k]))]
            state["next"] += CHUNK
            state["seconds"] = before + time.process_time() - started
            if chunk % 256 == 255:
                save(state)
                print(f"{100 * state['next'] / TOTAL:.2f} %  {state['seconds']:.0f} s", flush=True)
        save(state)
    report(state)


if __name__ == "__main__":
    main()
