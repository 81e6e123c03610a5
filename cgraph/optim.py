"""Optimizers: how a gradient becomes a step.

Each is a small object of hyperparameters and one pure rule, `update(w, g, slots, t)`, written with operators only, so that it
works on arrays and on nodes alike. What an optimizer remembers between steps, its slots, is
arrays in the order of the parameters and can be saved and restored exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, NoReturn

import numpy as np

from cgraph.node import Node

__all__ = ["Adam", "GradientDescent", "Momentum", "Optimizer", "from_config"]

Slots = tuple[Any, ...]
_ARRAY = np.ndarray


@dataclass
class Optimizer:
    """What all optimizers share: `step`, and the state between steps.

    Attributes:
        lr: the learning rate; positive.
        t: how many steps were taken.
    """

    lr: float
    t: int = field(default=0, init=False, repr=False, compare=False)
    slots: list[Slots] = field(default_factory=list, init=False, repr=False, compare=False)

    n_slots: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise ValueError(f"a learning rate is positive; got {self.lr}")

    def update(self, w: Any, g: Any, slots: Slots, t: int) -> tuple[Any, Slots]:
        """The rule: a parameter, its gradient, the slots and the number of this step (from 1) to the new parameter and slots."""
        raise NotImplementedError

    def step(self, parameters: Iterable[Node], gradients: Iterable[Any]) -> None:
        """Assign every parameter its next value.

        The parameters come in the same order every time. Raises ValueError when a gradient's shape is not its parameter's, or
        when there are not as many parameters as before.

        >>> import cgraph as cg
        >>> w = cg.parameter("w", [1.0, 2.0])
        >>> GradientDescent(lr=0.5).step([w], [[1.0, -1.0]])
        >>> w.value
        array([0.5, 2.5])
        """
        parameters, slopes = list(parameters), list(gradients)
        values: list[Any] = [getattr(parameter, "_value", None) for parameter in parameters]
        for w, g in zip(values, slopes):  # noqa: B905  (what is left over is refused below)
            if w.__class__ is not _ARRAY or g.__class__ is not _ARRAY or w.shape != g.shape:
                values, slopes = _as_arrays(parameters, slopes)
                break
        slots, n = self.slots, len(parameters)
        if len(slopes) != n:
            _refuse(values, slopes)
        if not slots:
            slots += [tuple(np.zeros_like(v) for _ in range(self.n_slots)) for v in values]
        if len(slots) != n:
            raise ValueError(f"{len(slots)} parameters in the last step, {n} now")
        self.t = t = self.t + 1
        ours = type(self) in _OURS
        for i, parameter in enumerate(parameters):
            new, slots[i] = self.update(values[i], slopes[i], slots[i], t)
            if ours and new.__class__ is _ARRAY and new.dtype is values[i].dtype:
                parameter.adopt(new)  # nobody else has it
            else:
                parameter.value = new

    def reset(self) -> None:
        """Forget all steps."""
        self.t, self.slots = 0, []

    def config(self) -> dict[str, Any]:
        """The hyperparameters, with the name of the rule: what `from_config` takes. Only strings and numbers."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.init}
        return {"rule": type(self).__name__, **values}

    def _key(self) -> Any:
        """What tells one rule, with its hyperparameters, from another; asked for at every step."""
        kind: Any = type(self)
        if kind.config is not Optimizer.config:
            return tuple(sorted(self.config().items()))
        return kind, *[getattr(self, name) for name in _hyperparameters(kind)]

    def state(self) -> tuple[int, list[Slots]]:
        """What to keep to go on later: the number of steps and the slots."""
        return self.t, list(self.slots)

    def restore(self, t: int, slots: Sequence[Slots]) -> None:
        """Go on from a kept state. ValueError when the slots are another optimizer's."""
        if t < 0 or any(len(one) != self.n_slots for one in slots):
            raise ValueError(f"this is not the state of {type(self).__name__}")
        self.t, self.slots = t, [tuple(one) for one in slots]


@cache
def _hyperparameters(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.init)


def _as_arrays(parameters: Sequence[Node], gradients: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Numbers and lists as arrays, the gradients of the shapes of their parameters."""
    values = [np.asarray(parameter.value) for parameter in parameters]
    slopes = [np.asarray(gradient) for gradient in gradients]
    if [v.shape for v in values] != [g.shape for g in slopes]:
        _refuse(values, slopes)
    return values, slopes


def _refuse(values: Sequence[Any], slopes: Sequence[Any]) -> NoReturn:
    raise ValueError(
        f"parameters of shapes {[np.shape(v) for v in values]}, "
        f"gradients of shapes {[np.shape(g) for g in slopes]}"
    )


@dataclass
class GradientDescent(Optimizer):
    """w − lr · g, the article's rule.

    >>> GradientDescent(lr=1.0).update(2.0, 0.5, (), 1)
    (1.5, ())
    """

    lr: float = 1.0

    def update(self, w: Any, g: Any, slots: Slots, t: int) -> tuple[Any, Slots]:
        return w - self.lr * g, ()


@dataclass
class Momentum(Optimizer):
    """v ← momentum · v + g, then w − lr · v.

    Source: B. T. Polyak, "Some methods of speeding up the convergence of iteration methods" (1964), in PyTorch's scaling.
    """

    lr: float = 0.1
    momentum: float = 0.9

    n_slots: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum lies in [0, 1); got {self.momentum}")

    def update(self, w: Any, g: Any, slots: Slots, t: int) -> tuple[Any, Slots]:
        velocity = self.momentum * slots[0] + g
        return w - self.lr * velocity, (velocity,)


@dataclass
class Adam(Optimizer):
    """Steps of about lr in every coordinate, from running means of the gradient and its square.

    Source: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", arXiv:1412.6980, algorithm 1.
    """

    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    n_slots: ClassVar[int] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1 and self.eps > 0):
            raise ValueError("Adam needs beta1 and beta2 in [0, 1) and a positive eps")

    def update(self, w: Any, g: Any, slots: Slots, t: int) -> tuple[Any, Slots]:
        mean = self.beta1 * slots[0] + (1 - self.beta1) * g
        square = self.beta2 * slots[1] + (1 - self.beta2) * (g * g)
        root = (square / (1 - self.beta2**t)) ** 0.5
        return w - self.lr / (1 - self.beta1**t) * (mean / (root + self.eps)), (mean, square)


RULES: dict[str, type[Optimizer]] = {
    rule.__name__: rule for rule in (GradientDescent, Momentum, Adam)
}
_OURS = frozenset(RULES.values())


def from_config(config: dict[str, Any]) -> Optimizer:
    """The optimizer that `config()` described, without steps taken. ValueError for anything else.

    >>> from_config({"rule": "Momentum", "lr": 0.1, "momentum": 0.5})
    Momentum(lr=0.1, momentum=0.5)
    """
    options = dict(config)
    rule = options.pop("rule", None)
    if rule not in RULES:
        raise ValueError(f"unknown optimizer {rule!r}; known are {', '.join(RULES)}")
    if not all(isinstance(value, int | float) for value in options.values()):
        raise ValueError("the hyperparameters of an optimizer are numbers")
    try:
        return RULES[rule](**options)
    except TypeError as error:
        raise ValueError(f"{rule}: {error}") from None
