"""The reference: derivatives of forwards, found without a single rule of the engine.

A `Tape` is a graph as bare data: forwards, operand numbers, parameters. It is evaluated here in three ways: on numbers; on complex
numbers with a step of 2^-70 in the imaginary part, op by op, which gives exact directional derivatives; and on displaced inputs, for the
differences of `differences.py`, the independent cross-check. The two first can be replayed with every value disturbed by its own
rounding, which measures how far rounding alone can move the answer: tolerances come from there, not from constants.

An oracle that shares code with what it judges is blind to its bugs. So this module imports NumPy and the complex forwards, nothing of
cgraph's backward pass, not even nodes; a test reads its imports.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cgraph.testing.oracle import noise as noises
from cgraph.testing.oracle.complex_step import NotAnalytic, Probe, bare
from cgraph.testing.oracle.noise import disturb

Array = Any
STEP = 2.0**-70
SHORT = 2.0**-30  # near the smallest numbers, where STEP would have no digits
EPS = 2.0**-52
TINY = 2.0**-1022


def _smallest(seeds: Iterable[Array]) -> float:
    """The smallest entry that is not zero."""
    sizes = (np.abs(seed) for seed in seeds)
    return min((float(np.min(s, where=s > 0, initial=np.inf)) for s in sizes), default=np.inf)


def step_rounding(seeds: Iterable[Array]) -> float:
    """The relative error that the step itself brings where it is among the subnormal numbers."""
    smallest = _smallest(seeds)
    return 0.0 if smallest >= 2.0**-900 else min(2.0**-1072 / SHORT / smallest, 1.0)


class Line(NamedTuple):
    """One op of a tape.

    Attributes:
        forward: arrays -> array.
        operands: where its operands stand on the tape.
        params: keyword parameters of the forward.
        complex_forward: takes complex operands; None for a forward without one, which is then fed Probes.
        dead: operands the row declares not differentiable: they pass no tangent.
    """

    forward: Callable[..., Any]
    operands: tuple[int, ...]
    params: Mapping[str, Any]
    complex_forward: Callable[..., Any] | None
    dead: tuple[int, ...] = ()


class Tape:
    """A graph as data: `lines` in topological order, None for a leaf; the last line is the root."""

    def __init__(self, lines: Sequence[Line | None]) -> None:
        self.lines = lines
        # Whether some forward is code that nobody here has written in complex numbers.
        self.foreign = any(line is not None and line.complex_forward is None for line in lines)
        # Errors of NumPy are the caller's business: the whole evaluation stands under one errstate.

    def values(
        self, leaves: Mapping[int, Array], rng: Any = None, unit: float = EPS, frozen: bool = False
    ) -> list[Array]:
        """Every value, in float64. With `rng`, each is disturbed by up to 2 `unit` of itself (not where `frozen`)."""
        found: list[Array] = []
        for i, line in enumerate(self.lines):
            value = (
                leaves[i]
                if line is None
                else line.forward(*[found[k] for k in line.operands], **line.params)
            )
            if rng is not None and not frozen:
                value = disturb(value, rng, unit)
            found.append(value)
        return found

    def tangent(
        self,
        values: Sequence[Array],
        seeds: Mapping[int, Array],
        rng: Any = None,
        unit: float = EPS,
        frozen: bool = False,
    ) -> tuple[Array, list[Array]]:
        """The directional derivative of the root along `seeds`, tangents of leaves (or of nodes); and all tangents, times the step.

        Every op is given its operands' real values with their tangents as a tiny imaginary part, and only the imaginary part of what
        it answers is kept: real parts stay those of `values`, so no rounding of complex arithmetic builds up in them.

        Raises:
            NotAnalytic: when a forward cannot be fed complex numbers.
        """
        live: list[Array] = [None] * len(self.lines)
        step = SHORT if _smallest(seeds.values()) < 2.0**-900 else STEP
        for i, line in enumerate(self.lines):
            value = values[i]
            if i in seeds:
                out = np.multiply(seeds[i], step * 1j)
            elif line is None:
                continue
            else:
                moving, given = False, []
                for k in line.operands:
                    z = live[k]
                    if z is None:
                        given.append(values[k])
                    else:
                        given.append(z)
                        moving = True
                if not moving:
                    continue
                if line.dead:
                    for j in line.dead:
                        given[j] = values[line.operands[j]]
                    if all(live[k] is None or j in line.dead for j, k in enumerate(line.operands)):
                        continue
                if rng is not None:
                    out = 1j * replayed(line, given, value, rng, unit, frozen)
                elif line.complex_forward is None or not (
                    line.complex_forward is line.forward
                    or forward_agrees(line, [values[k] for k in line.operands])
                ):
                    out = 1j * probed(line, given, value)
                else:
                    out = line.complex_forward(*given, **line.params)
            # The real part is known already, and better. A fresh array is reused; a view holds the same real parts as what it views.
            if out.__class__ is np.ndarray and out.dtype == np.complex128 and out.flags.writeable:
                out.real = value
                live[i] = out
            elif np.ndim(value) == 0:
                live[i] = np.complex128(complex(value, np.imag(out)))
            else:
                live[i] = z = np.empty(np.shape(value), np.complex128)
                z.real = value
                z.imag = np.imag(out)
        last = live[-1]
        return (None if last is None else last.imag / step), live

    def truncation(
        self, values: Sequence[Array], seeds: Mapping[int, Array], weights: Array
    ) -> float:
        """What the step itself leaves in ⟨w, J d⟩, of the order of its square: nothing, but where the derivative is exactly zero."""
        finer = 2.0**-20
        pair = []
        for scale in (1.0, finer):
            try:
                found = self.tangent(
                    values, {i: np.multiply(seed, scale) for i, seed in seeds.items()}
                )[0]
            except NotAnalytic:  # with a step of another size
                return 0.0
            pair.append(0.0 if found is None else float(np.sum(weights * found)) / scale)
        return abs(pair[0] - pair[1])

    def masked(self, values: Sequence[Array], i: int, bad: Array) -> bool:
        """Whether the entries of node `i` that are `bad` are cut off from the root by structure, behind branches not taken.

        NaN tells: as a tangent it survives a multiplication by zero, but not a branch that is not selected.
        """
        try:
            found = self.tangent(values, {i: np.where(bad, np.nan, 0.0)})[0]
        except NotAnalytic:
            return False
        return found is None or not np.isnan(found).any()

    def directional(
        self,
        leaves: Mapping[int, Array],
        seeds: Mapping[int, Array],
        weights: Array,
        wide: bool = False,
    ) -> Along:
        """The function of one number that differences are taken of, `Along`; `wide` in extended precision, where there is one."""
        return Along(self, leaves, seeds, weights, wide)


class Along:
    """⟨w, root⟩ at the leaves moved by t times the seeds, less what it is at t = 0.

    The difference is taken entry by entry, before the sum: what a direction does not move (of a large result nearly everything, when one
    entry of the input is moved) adds no rounding.
    """

    def __init__(
        self,
        tape: Tape,
        leaves: Mapping[int, Array],
        seeds: Mapping[int, Array],
        weights: Array,
        wide: bool = False,
    ) -> None:
        self.tape = tape
        self.leaves = dict(leaves)
        self.seeds = dict(seeds)
        self.kind = np.longdouble if wide else np.float64
        if wide:
            for i in seeds:
                self.leaves[i] = np.asarray(leaves[i], self.kind)
                self.seeds[i] = np.asarray(seeds[i], self.kind)
        self.weights = np.asarray(weights, self.kind)
        self.still = tape.values(self.leaves)
        self.is_wide = np.asarray(self.still[-1]).dtype == np.longdouble
        root = np.asarray(self.still[-1], self.kind)
        self.origin = np.where(np.isfinite(root), root, 0.0)
        self.known: dict[float, float] = {0.0: 0.0}

    def __call__(self, t: float) -> float:
        if t not in self.known:
            self.known[t] = self._weighted(self._moved(t))
        return self.known[t]

    def rounding(self, unit: float) -> float:
        """The rounding of one evaluation. What does not seem to move counts, too: it may move by less than its last digit."""
        return unit * float(np.sum(np.abs(self.weights * self.origin)))

    def rounding_within(self, unit: float, reach: float) -> float:
        """The rounding of those entries alone that are seen to move within `reach`; of all where none is."""
        moving: Array = False
        for t in (reach, -reach):
            off = self._moved(t)
            self.known[t] = self._weighted(off)
            moving |= off != 0
        if not np.any(moving):
            return self.rounding(unit)
        return unit * float(np.sum(np.abs(self.weights * self.origin)[moving]))

    def _moved(self, t: float) -> Array:
        """By how much the root moves."""
        found: list[Array] = []
        leaves, seeds = self.leaves, self.seeds
        for i, line in enumerate(self.tape.lines):
            if line is None:
                found.append(leaves[i] + t * seeds[i] if i in seeds else leaves[i])
                continue
            # What the row declares not differentiable stands still, or stop_gradient would be seen through.
            given = [
                self.still[k] if j in line.dead else found[k] for j, k in enumerate(line.operands)
            ]
            try:
                found.append(line.forward(*given, **line.params))
            except Exception:  # somebody's function may raise outside its domain
                return np.full(self.origin.shape, np.nan)
        root = np.asarray(found[-1], self.kind)
        return root - self.origin if root.shape == self.origin.shape else self.origin * np.nan

    def _weighted(self, off: Array) -> float:
        return float(np.sum(self.weights * off))


# Forwards whose complex forward has been seen to give the same values.
_AGREED: set[Any] = set()


def forward_agrees(line: Line, operands: Sequence[Array]) -> bool:
    """Whether the complex forward of a row computes what its forward computes: asked once a forward, so that no swap goes unseen."""
    if line.forward in _AGREED:
        return True
    value = line.forward(*operands, **line.params)
    real = np.real(line.complex_forward(*operands, **line.params))  # type: ignore[misc]
    finite = np.isfinite(np.asarray(value, np.float64))
    if not np.all(
        np.abs(real - value)[finite] <= 1e-9 * np.abs(np.asarray(value))[finite] + 1e-300
    ):
        return False
    if finite.any():
        _AGREED.add(line.forward)
    return True


def replayed(
    line: Line, given: Sequence[Array], value: Array, rng: Any, unit: float, frozen: bool
) -> Array:
    """The imaginary part with the arithmetic inside the op disturbed; where the values are `frozen`, on a kink, only the tangents."""
    with noises.noise(rng, unit):
        if line.complex_forward is None:
            return noises.disturbed(probed(line, given, value))
        if frozen:  # noise must not choose the branch
            given = [
                z if np.asarray(z).dtype.kind != "c" else z.real + 1j * noises.disturbed(z.imag)
                for z in given
            ]
            return noises.disturbed(np.imag(line.complex_forward(*given, **line.params)))
        imag = np.imag(
            np.asarray(line.complex_forward(*(noises.noisy(x) for x in given), **line.params))
        )
        return noises.disturbed(imag.view(np.ndarray))


def probed(line: Line, given: Sequence[Array], value: Array) -> Array:
    """The imaginary part of a forward that has no complex form, with every call watched."""
    operands = [np.asarray(x).view(Probe) if np.iscomplexobj(x) else x for x in given]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a cast that discards the imaginary part is only a warning
        try:
            out = np.asarray(bare(line.forward(*operands, **line.params)))
        except NotAnalytic:
            raise
        except Exception as error:
            raise NotAnalytic(f"{type(error).__name__}: {error}") from error
    if out.dtype.kind not in "cfbiu" or out.shape != np.shape(value):
        raise NotAnalytic("the forward answers complex numbers with something else")
    if noises._active is None:
        # Held against the forward itself: what is stored may have been rounded to float32. The square of a step is not zero.
        real = np.asarray(line.forward(*map(np.real, given), **line.params))
        unit = 1e-9 if real.dtype.kind != "f" else max(1e-9, 8.0 * float(np.finfo(real.dtype).eps))
        real = np.asarray(real, np.float64)
        step = max((float(np.max(np.abs(np.imag(x)), initial=0.0)) for x in given), default=0.0)
        near = np.abs(out.real - real) <= unit * np.abs(real) + 2.0**-40 * step
        if not np.all(near | ~np.isfinite(real)):
            # LAPACK rounds otherwise for complex numbers, and a bad condition makes much of it: as much as of its operands' rounding.
            with noises.noise(np.random.default_rng(0), EPS):
                moved = noises.spread(
                    real,
                    lambda: line.forward(*(noises.noisy(np.real(x)) for x in given), **line.params),
                    4,
                )
            if not np.all(near | (np.abs(out.real - real) <= 16 * moved) | ~np.isfinite(real)):
                raise NotAnalytic("the forward gives another real part for complex numbers")
    return out.imag
