"""cgraph.testing: gradient checks that name the wrong node.

`check_gradients` for a graph or a function, `check_op` for a row of your own, strategies for hypothesis, faults as negative controls.
Everything but the strategies works without hypothesis; nothing is imported before it is used.
"""

from __future__ import annotations

from typing import Any

_WHERE = {
    "check_gradients": "check",
    "assert_gradients": "check",
    "Report": "report",
    "Verdict": "report",
    "Mismatch": "report",
    "GradientMismatch": "report",
    "FAULTS": "faults.registry",
    "Fault": "faults.fault",
    "plant": "faults.registry",
    "find": "faults.registry",
    "reduce_graph": "failure.shrink",
    "check_op": "op_check",
    "gradient_test": "op_check",
    "assert_detects": "op_check",
    "faults_for": "op_check",
    "OpReport": "op_check",
    **dict.fromkeys(
        (
            "graphs",
            "graph_with_inputs",
            "coincident_shapes",
            "arrays_in",
            "cotangents_like",
            "op_calls",
            "attrs_for",
            "ops",
        ),
        "generate.strategies",
    ),
    "GraphMachine": "generate.state_machine",
    "RandomDraw": "generate.random_graphs",
    "RandomGraph": "generate.random_graphs",
    "random_graph": "generate.random_graphs",
}

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name == "strategies":
        from importlib import import_module

        return import_module("cgraph.testing.generate.strategies")
    if name in _WHERE:
        from importlib import import_module

        value = getattr(import_module(f"cgraph.testing.{_WHERE[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cgraph.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
