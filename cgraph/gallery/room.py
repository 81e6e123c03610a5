"""What figures write with: files of one figure, the numbers they show, and nets that several figures share (trained once).

Separate from the figures so that a figure is a few lines that say what it shows.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cgraph import datasets, nn, optim
from cgraph.draw import Diagram, frames
from cgraph.draw.model.diagram import Box, Picture, Row
from cgraph.draw.output import engine
from cgraph.errors import CgraphError
from cgraph.leaves import input, parameter
from cgraph.node import Node
from cgraph.op import OPS
from cgraph.ops.elementwise import add, sigmoid
from cgraph.ops.linalg import matmul
from cgraph.ops.losses import bce, stable_bce
from cgraph.ops.reduction import mean
from cgraph.run import Run, run as evaluate

EPOCHS = 5000
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Figure:
    """One row of the article's inventory."""

    number: str  # "11, 17"
    kind: str  # G diagram, S steps, P plot, T formulas
    title: str
    draw: Callable[[Room], None]


def singly(numbers: str) -> list[str]:
    """The figures of a row one by one, so that one inside a range is found.

    >>> singly("8, 11-13, 19.a-c")
    ['8', '11', '12', '13', '19', '19.a-c']
    """
    found = []
    for part in (p.strip() for p in numbers.split(",")):
        first, _, last = part.partition("-")
        if first.isdigit() and last.isdigit():
            found += [str(n) for n in range(int(first), int(last) + 1)]
        else:
            found += [part.partition(".")[0], part] if "." in part else [part]
    return found


def figures(table: list[Figure]) -> Callable[..., Callable[..., Any]]:
    """A decorator that enters a function into a table of figures."""

    def entered(number: str, kind: str, title: str) -> Callable[..., Any]:
        def enter(draw: Callable[[Room], None]) -> Callable[[Room], None]:
            table.append(Figure(number, kind, title, draw))
            return draw

        return enter

    return entered


@dataclass
class Entry:
    """What one figure has become."""

    figure: str
    kind: str
    title: str
    files: list[str] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    captions: dict[str, str] = field(default_factory=dict)


class Room:
    """The directory a gallery is made in."""

    def __init__(self, out: Path) -> None:
        self.out = out
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CgraphError(f"cannot make {str(out)!r}: {error.strerror}") from error
        self.entries: list[Entry] = []

    def make(self, figure: Figure) -> None:
        self.entries.append(Entry(figure.number, figure.kind, figure.title))
        figure.draw(self)

    @property
    def entry(self) -> Entry:
        return self.entries[-1]

    def _keep(self, name: str, data: bytes, caption: str = "") -> None:
        engine.write(self.out / name, data)
        self.entry.files.append(name)
        if caption:
            self.entry.captions[name] = caption

    # --- what a figure may write ----------------------------------------------------------------------------------------------

    def diagram(self, name: str, diagram: Diagram) -> None:
        """A diagram as PNG and SVG."""
        self._keep(f"{name}.png", diagram.png(), f"{diagram.title}. {diagram.caption}".strip(". "))
        self._keep(f"{name}.svg", diagram.svg().encode())

    def steps(self, name: str, run: Run, **options: Any) -> None:
        """The frames of a run, each as PNG and SVG, and the page that steps through them."""
        found = frames(run, **options)
        for i, (step, diagram) in enumerate(zip(found.names, found, strict=True)):
            self.diagram(f"{name}_{i:02d}_{step}", diagram)
        self._keep(
            f"{name}.html", found.html().encode(), "the same to step through, with keys and buttons"
        )

    def plot(
        self,
        name: str,
        paint: Callable[..., Any],
        *,
        columns: int = 1,
        width: float = 6.4,
        height: float = 4.6,
    ) -> None:
        """A plot: `paint` gets one axes, or `columns` of them."""
        import io

        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas

        figure = Canvas(figsize=(width * columns, height), dpi=120, layout="constrained")
        axes = figure.subplots(1, columns)
        paint(*(axes if columns > 1 else [axes]))
        data = io.BytesIO()
        canvas: Any = FigureCanvasAgg(figure)
        canvas.print_png(data)
        self._keep(f"{name}.png", data.getvalue())

    def text(self, name: str, words: str) -> None:
        """A text file."""
        self._keep(name, words.encode())

    def card(self, name: str, title: str, boxes: list[Box], caption: str = "") -> None:
        """Formula cards, in the look of the diagrams."""
        named = tuple(Box(f"n{i}", b.kind, b.tone, b.symbol, b.shape, b.formula, value=b.value, notes=b.notes, rows=b.rows, tip=b.formula)
                      for i, b in enumerate(boxes[::-1]))  # fmt: skip  # Graphviz stacks from the bottom
        self.diagram(name, Diagram(Picture(named, (), title=title, caption=caption, legend=False)))

    def numbers(self, **shown: Any) -> None:
        """The numbers this figure shows, as the Runs have them."""
        self.entry.numbers.update({key: _plain(value) for key, value in shown.items()})

    def of_run(self, run: Run, prefix: str = "") -> None:
        """Every named value and gradient of a Run."""
        for node in run.order:
            if node.name and node.kind != "constant":
                self.entry.numbers[prefix + node.name] = _plain(run.value(node))
                if run.has_grad(node):
                    self.entry.numbers[f"{prefix}d{run.roots[0].basename}/d{node.name}"] = _plain(
                        run.grad(node)
                    )

    # --- shared nets ----------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def and_trained(self) -> Trained:
        """The AND neuron after 5000 epochs, from the article's start."""
        layer = nn.Linear(2, 1)
        layer.W.value = [[0.1, 0.6]]
        return Trained(nn.Sequential(layer), *datasets.and_gate())

    @functools.cached_property
    def xor_trained(self) -> Trained:
        """The XOR net 2-3-1 after 5000 epochs."""
        return Trained(xor_net(), *datasets.xor_gate())

    @functools.cached_property
    def iris_trained(self) -> Trained:
        """Virginica by its petals after 5000 epochs."""
        return Trained(
            nn.Sequential(nn.Linear(2, 1, init="plain", rng=48)),
            *datasets.iris("petals", shuffle=48),
        )


class Trained:
    """A net with its costs and its last state."""

    def __init__(self, net: nn.Sequential, X: Array, Y: Array) -> None:
        self.net, self.X, self.Y = net, X, Y
        self.graph = nn.classifier_graph(net, X.shape[0])
        training = nn.Training(
            self.graph, net.parameters, optim.GradientDescent(lr=1.0), np.random.RandomState(0)
        )
        self.costs = training.advance(X, Y, EPOCHS)
        run = evaluate([self.graph.P, self.graph.cost], {self.graph.X: X, self.graph.Y: Y})
        self.P, self.cost = run.value(self.graph.P), float(run.value(self.graph.cost))

    def model(self, columns: Array) -> Array:
        """Probabilities of columns (2, n)."""
        return evaluate(self.graph.P, {self.graph.X: columns}).value(self.graph.P)

    @property
    def weights(self) -> dict[str, Array]:
        return {node.name or "": np.asarray(node.value) for node in self.net.parameters}


def xor_net() -> nn.Sequential:
    """2-3-1 with the article's weights: RandomState(48), xavier."""
    rng = np.random.RandomState(48)
    return nn.Sequential(
        nn.Linear(2, 3, init="xavier", rng=rng),
        nn.Sigmoid(),
        nn.Linear(3, 1, init="xavier", rng=rng),
    )


@dataclass
class Neuron:
    """One neuron on one example, as scalars: the article's first graph."""

    fused: bool = False

    def __post_init__(self) -> None:
        (a, b), y = datasets.and_gate()[0][:, 0], datasets.and_gate()[1][0, 0]
        self.x1, self.x2, self.y = (
            input("x1", float(a)),
            input("x2", float(b)),
            input("y", float(y)),
        )
        self.w1, self.w2, self.b = parameter("w1", 0.1), parameter("w2", 0.6), parameter("b", 0.0)
        self.z: Node = add(self.w1 * self.x1 + self.w2 * self.x2, self.b, name="z")
        self.p: Node = sigmoid(self.z, name="p_hat")
        self.loss: Node = (
            stable_bce(self.z, self.y, name="loss")
            if self.fused
            else bce(self.p, self.y, name="loss")
        )

    @property
    def parameters(self) -> list[Node]:
        return [self.w1, self.w2, self.b]

    def update(self, run: Run) -> None:
        optim.GradientDescent(lr=1.0).step(
            self.parameters, [run.grad(node) for node in self.parameters]
        )


@dataclass
class Batch:
    """The same neuron on a batch: examples are columns."""

    examples: int = 4
    fused: bool = False

    def __post_init__(self) -> None:
        X, Y = datasets.and_gate()
        self.X, self.Y = input("X", X[:, : self.examples]), input("Y", Y[:, : self.examples])
        self.W, self.b = parameter("W", [[0.1, 0.6]]), parameter("b", [[0.0]])
        self.Z: Node = add(matmul(self.W, self.X), self.b, name="Z")
        self.P: Node = sigmoid(self.Z, name="P_hat")
        self.cost: Node = mean(
            stable_bce(self.Z, self.Y) if self.fused else bce(self.P, self.Y), name="cost"
        )

    def update(self, run: Run) -> None:
        optim.GradientDescent(lr=1.0).step([self.W, self.b], [run.grad(self.W), run.grad(self.b)])


def op_card(
    name: str, operands: Mapping[str, str] | tuple[str, ...], out: str, notes: tuple[str, ...] = ()
) -> Box:
    """The row of an op in the derivative tables, as a card: its formula and its local gradients."""
    from cgraph.draw.model import expression

    op = OPS[name]
    words = tuple(operands)
    rows = tuple(
        Row(f"∂{out}/∂{word}", expression.fill(partial, words, out))
        for word, partial in zip(words, op.formula.partials, strict=False)
        if partial is not None
    )
    return Box(
        "",
        "op",
        op.role,
        op.symbol,
        formula=f"{out} = {expression.fill(op.formula.text, words)}",
        rows=rows,
        notes=notes,
    )


def words_card(
    symbol: str, formula: str, rows: list[str], tone: str = "other", value: list[str] | None = None
) -> Box:
    """A card with lines of its own, and a matrix."""
    return Box(
        "",
        "op",
        tone,
        symbol,
        formula=formula,
        rows=tuple(map(Row, rows)),
        value=tuple(value or ()),
    )


def _plain(value: Any) -> Any:
    """A number or an array as JSON has it; NaN and infinities as words."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return value
    if array.size == 1:
        number = array.reshape(()).item()
        return number if np.isfinite(number) else str(number)
    return [_plain(row) for row in array]


def dumps(entries: list[Entry]) -> str:
    """The manifest."""
    rows = [
        {
            "figure": e.figure,
            "kind": e.kind,
            "title": e.title,
            "files": e.files,
            "numbers": e.numbers,
        }
        for e in entries
    ]
    return json.dumps({"figures": rows}, indent=1, ensure_ascii=False) + "\n"
