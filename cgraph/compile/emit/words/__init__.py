"""What JAX and PyTorch call the ops of cgraph's namesakes of SciPy and of its nets: a file a subject, a row an op, a column a framework.

The ops of cgraph itself, whose words differ in more than a name, stand in `emit/jax.py` and `emit/torch.py`. Here a row is a template:
``{0}``, ``{1}`` are the operands, as arguments of a function, ``{axes}`` is a parameter. A helper that a template
calls is put above the function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from math import isfinite
from typing import Any

from cgraph.node import Node

Limits = Mapping[str, Callable[[Node], bool]]
SUBJECTS = ("arrays", "control", "fourier", "linalg", "special", "windows")


class Row:
    """An op in both frameworks' words, a template or an emission; None where one has none.

    Attributes:
        limits: framework -> which nodes its words are for, where not for all.
    """

    def __init__(self, jax: Any = None, torch: Any = None, limits: Limits | None = None) -> None:
        self.jax, self.torch, self.limits = jax, torch, limits or {}


def both(template: str, limits: Limits | None = None) -> Row:
    """A row that is a call of a helper, which both frameworks have under one name."""
    return Row(template, template, limits)


class Template:
    """A template as an emission of a dialect.

    Attributes:
        helpers: those that it calls.
    """

    def __init__(self, text: str, helpers: Mapping[str, str]) -> None:
        self.text = text
        self.helpers = [name for name in called(text) if name in helpers]

    def __call__(self, w: Any, node: Node, *operands: Any) -> str:
        for name in self.helpers:
            w.helper(name)
        words = {key: _spelled(value) for key, value in node.params.items()}
        return self.text.format(*w.arguments(node, operands), **words)


def _spelled(value: Any) -> str:
    """A parameter as source."""
    return f'float("{value}")' if isinstance(value, float) and not isfinite(value) else repr(value)


def called(text: str) -> list[str]:
    """The names of functions that source calls, but for methods and what belongs to a module."""
    return re.findall(r"(?<![.\w])(\w+)\(", text)


@dataclass
class Vocabulary:
    """All rows of one framework.

    Attributes:
        emissions: op -> what writes it.
        helpers: name -> source.
        limits: op -> which nodes its words are for.
    """

    emissions: dict[str, Any] = field(default_factory=dict)
    helpers: dict[str, str] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)


def vocabulary(framework: str) -> Vocabulary:
    """Everything that the subjects have for a framework."""
    found = Vocabulary()
    for subject in SUBJECTS:
        module = import_module(f"cgraph.compile.emit.words.{subject}")
        own: dict[str, str] = getattr(module, f"{framework.upper()}_HELPERS")
        found.helpers |= own
        for name, row in module.ROWS.items():
            text = getattr(row, framework)
            if text is None:
                continue
            found.emissions[name] = Template(text, own) if isinstance(text, str) else text
            if framework in row.limits:
                found.limits[name] = row.limits[framework]
    return found
