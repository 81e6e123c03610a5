"""Chains of elementwise operations on ten million entries, value and gradient: time and peak memory against NumPy by hand and peers.

Three chains, derived by hand for NumPy; every contender's value and gradient are held against those before anything is timed. Times are
of one thread, but for the last rows. Peak memory is that of a process of its own, input and results included, in arrays of the
input's size: the caller keeps a result while it asks for the next. `python benchmarks/elementwise.py [entries]`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import QUICK, interleaved, record

import cgraph as cg

Array = Any
ENTRIES = 10**6 if QUICK else 10_000_000
DTYPES = ("f8", "f4")


# --- the chains: in any library's words, and with their gradients by hand -----------------------------------------------------------


def bell(m: Any, x: Any) -> Any:
    z = m.tanh(1.5 * x + 0.25)
    return m.sum(m.softplus(2.0 * z) * m.exp(-x * x) + z * z)


def bell_by_hand(x: Array) -> tuple[float, Array]:
    z, g = np.tanh(1.5 * x + 0.25), np.exp(-x * x)
    p = np.logaddexp(0, 2.0 * z, dtype=x.dtype)
    slope = (2.0 * g / (1.0 + np.exp(-2.0 * z)) + 2.0 * z) * (1.5 * (1.0 - z * z))
    return float(np.sum(p * g + z * z)), slope - 2.0 * x * p * g


def odds(m: Any, x: Any) -> Any:
    s = m.sigmoid(x)
    return m.sum(m.log(1.0 + s * s) * m.sqrt(s + 0.5) / (1.0 + m.exp(-s)))


def odds_by_hand(x: Array) -> tuple[float, Array]:
    s = 1.0 / (1.0 + np.exp(-x))
    a, b, e = np.log(1.0 + s * s), np.sqrt(s + 0.5), np.exp(-s)
    q = 1.0 / (1.0 + e)
    slope = 2.0 * s / (1.0 + s * s) * b * q + a * (0.5 / b) * q + a * b * q * q * e
    return float(np.sum(a * b * q)), slope * (s * (1.0 - s))


def bend(m: Any, x: Any) -> Any:
    h = m.relu(x - 0.1) + 0.5 * m.abs(x)
    return m.sum(h**3 - h * h * m.sin(x))


def bend_by_hand(x: Array) -> tuple[float, Array]:
    h = np.maximum(x - 0.1, 0) + 0.5 * np.abs(x)
    s = np.sin(x)
    slope = (3.0 * h * h - 2.0 * h * s) * ((x > 0.1) + 0.5 * np.sign(x)) - h * h * np.cos(x)
    return float(np.sum(h * h * h - h * h * s)), slope


CHAINS = {"bell": (bell, bell_by_hand), "odds": (odds, odds_by_hand), "bend": (bend, bend_by_hand)}

# --- the contenders: x -> a function that gives value and gradient ------------------------------------------------------------------


class _Jax:
    """JAX's words as the chains have them."""

    def __init__(self) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        self.tanh, self.exp, self.log, self.sqrt = jnp.tanh, jnp.exp, jnp.log, jnp.sqrt
        self.sin, self.abs, self.sum = jnp.sin, jnp.abs, jnp.sum
        self.softplus, self.sigmoid, self.relu = jax.nn.softplus, jax.nn.sigmoid, jax.nn.relu


class _Torch:
    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        self.tanh, self.exp, self.log, self.sqrt = torch.tanh, torch.exp, torch.log, torch.sqrt
        self.sin, self.abs, self.sum = torch.sin, torch.abs, torch.sum
        self.sigmoid, self.relu = torch.sigmoid, torch.relu
        self.softplus = torch.nn.functional.softplus


def by_hand(name: str, x: Array) -> Callable[[], Any]:
    return lambda: CHAINS[name][1](x)


def compiled(name: str, x: Array, **options: Any) -> Callable[[], Any]:
    leaf = cg.input("x", shape=x.shape, dtype=x.dtype)
    program = cg.compile(CHAINS[name][0](cg, leaf), [leaf], leaf, **options)
    return lambda: program(x)


def torch_eager(name: str, x: Array, compile: bool = False) -> Callable[[], Any]:
    import torch

    words, leaf = _Torch(), torch.tensor(x, requires_grad=True)
    function = CHAINS[name][0]
    if compile:
        torch._dynamo.reset()
        function = torch.compile(function, dynamic=False)

    def work() -> Any:
        leaf.grad = None
        value = function(words, leaf)
        value.backward()
        return value.item(), leaf.grad.numpy()

    return work


def jax_jit(name: str, x: Array) -> Callable[[], Any]:
    import jax

    words = _Jax()
    function = jax.jit(jax.value_and_grad(lambda v: CHAINS[name][0](words, v)))
    data = jax.numpy.asarray(x)
    return lambda: jax.block_until_ready(function(data))


CONTENDERS: dict[str, Callable[[str, Array], Callable[[], Any]]] = {
    "PyTorch eager": torch_eager,
    "torch.compile": lambda name, x: torch_eager(name, x, compile=True),
    "JAX jit": jax_jit,
    "NumPy by hand": by_hand,
    "cgraph": compiled,
    "cgraph, copy=False": lambda name, x: compiled(name, x, copy=False),
    "cgraph, copy=False, two threads": lambda name, x: compiled(name, x, copy=False, threads=2),
}
NEEDS = {"PyTorch eager": "torch", "torch.compile": "torch", "JAX jit": "jax"}


def installed() -> list[str]:
    from importlib.util import find_spec

    return [name for name in CONTENDERS if name not in NEEDS or find_spec(NEEDS[name])]


def data(n: int, dtype: str) -> Array:
    return np.random.default_rng(0).standard_normal(n, np.float32).astype(dtype)


# --- time ---------------------------------------------------------------------------------------------------------------------------


def times(n: int, names: list[str]) -> list[dict[str, Any]]:
    rows = []
    for chain in CHAINS:
        for dtype in DTYPES:
            x = data(n, dtype)
            value, slope = CHAINS[chain][1](x.astype(float))
            ways = {}
            for name in names:
                if name == "JAX jit":
                    continue  # decides its threads when it is imported: in a process of its own
                ways[name] = CONTENDERS[name](chain, x)
                found = ways[name]()
                rtol = 1e-9 if dtype == "f8" else 2e-3
                np.testing.assert_allclose(float(found[0]), value, rtol=rtol)
                np.testing.assert_allclose(found[1], slope, rtol=rtol, atol=rtol * 10)
            least = {k: t.least for k, t in interleaved(ways, rounds=5, clock="elapsed").items()}
            if "JAX jit" in names:
                least["JAX jit"] = _alone("time", chain, "JAX jit", n, dtype)
            for k, t in least.items():
                ns, ratio = t / n * 1e9, t / least["PyTorch eager"]
                rows.append({"chain": chain, "dtype": dtype, "how": k, "ns an entry": ns, "of PyTorch eager": ratio})  # fmt: skip
                record(f"{chain} {dtype}, {n:,} entries", k, ns, ratio, "PyTorch eager", "ns an entry")  # fmt: skip
    return rows


# --- memory -------------------------------------------------------------------------------------------------------------------------


def peak(chain: str, how: str, n: int, dtype: str) -> float:
    """The most memory the process ever had beyond what its imports and a small run took, in arrays of the input's size."""
    CONTENDERS[how](chain, data(1000, dtype))()
    before = _bytes("VmRSS")
    x = data(n, dtype)
    work = CONTENDERS[how](chain, x)
    result = work()
    for _ in range(2):
        result = work()
    assert result is not None
    return (_bytes("VmHWM") - before) / float(x.nbytes)


def _bytes(what: str) -> int:
    """What the kernel says of this process: VmRSS is in memory now, VmHWM was at most. (`ru_maxrss` counts the parent's, too.)"""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(what))


def seconds(chain: str, how: str, n: int, dtype: str) -> float:
    return interleaved({how: CONTENDERS[how](chain, data(n, dtype))}, rounds=5, clock="elapsed")[how].least  # fmt: skip


def _alone(what: str, chain: str, how: str, n: int, dtype: str) -> float:
    """One contender in a process of its own, on one core."""
    command = [sys.executable, __file__, "--one", what, chain, how, str(n), dtype]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(found.stdout.splitlines()[-1]))


def peaks(n: int, names: list[str]) -> list[dict[str, Any]]:
    found = {name: _alone("memory", "bell", name, n, "f8") for name in names}
    base = found["NumPy by hand"]
    return [{"how": k, "arrays": v, "of NumPy by hand": v / base} for k, v in found.items()]


# --- the tables ---------------------------------------------------------------------------------------------------------------------


def results(n: int = ENTRIES) -> dict[str, Any]:
    names = installed()
    return {"entries": n, "times": times(n, names), "peaks": peaks(n, names)}


def table(found: dict[str, Any]) -> list[str]:
    """Markdown: chains in columns, contenders in rows."""
    columns = [(c, d) for c in CHAINS for d in DTYPES]
    names = list(dict.fromkeys(r["how"] for r in found["times"]))
    cell = {(r["chain"], r["dtype"], r["how"]): r for r in found["times"]}
    lines = [
        f"## Chains of elementwise operations, value and gradient, {found['entries']:,} entries",
        "",
        "Nanoseconds an entry, and of PyTorch eager. One thread where nothing else is said.",
        "",
        "| | " + " | ".join(f"{c}, {'float64' if d == 'f8' else 'float32'}" for c, d in columns) + " |",
        "|---|" + "---|" * len(columns),
    ]  # fmt: skip
    for name in names:
        cells = [cell[c, d, name] for c, d in columns]
        texts = [f"{r['ns an entry']:.1f} ({r['of PyTorch eager']:.3f})" for r in cells]
        lines.append(f"| {name} | " + " | ".join(texts) + " |")
    lines += ["", "Peak memory, in arrays of the input's size (`bell`, float64):", ""]
    lines += ["| | arrays | of NumPy by hand |", "|---|---|---|"]
    for r in found["peaks"]:
        record(
            "bell f8",
            r["how"],
            r["arrays"],
            r["of NumPy by hand"],
            "NumPy by hand",
            "arrays at most",
        )
        lines.append(f"| {r['how']} | {r['arrays']:.1f} | {r['of NumPy by hand']:.2f} |")
    return [*lines, ""]


def report() -> list[str]:
    """What `everything.py` puts into RESULTS.md."""
    return table(results())


def main() -> None:
    if "--one" in sys.argv:
        what, chain, how, n, dtype = sys.argv[sys.argv.index("--one") + 1 :]
        if what == "time" and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        print(json.dumps((peak if what == "memory" else seconds)(chain, how, int(n), dtype)))
        return
    n = int(float(sys.argv[1])) if len(sys.argv) > 1 else ENTRIES
    print("\n".join(table(results(n))))


if __name__ == "__main__":
    main()
