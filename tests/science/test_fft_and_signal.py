"""`cg.fft` and `cg.signal` against NumPy, SciPy and autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.signal
from science.harness import Line, check, rng

import cgraph as cg
from cgraph import fft, signal
from cgraph.errors import ShapeError, UnsupportedError
from cgraph.ops import OPS

G = rng("fft")
X, Y = G.normal(size=(3, 6)), G.normal(size=(2, 3, 5))


def parts(z: Any) -> Any:
    """A spectrum as one array or node: real and imaginary part, one above the other."""
    lib: Any = cg if isinstance(z, fft.Complex) else np
    return lib.stack([z.real, z.imag])


def real_in(name: str, x: Any, *args: Any, **kw: Any) -> Line:
    ours, theirs = getattr(fft, name), getattr(np.fft, name)
    return Line(
        f"{name}-{args}-{kw}",
        lambda x: parts(ours(x, *args, **kw)),
        lambda x: parts(theirs(x, *args, **kw)),
        (x,),
        single=1e-4,
    )


def back(name: str, re: Any, im: Any, real: bool, *args: Any, **kw: Any) -> Line:
    ours, theirs = getattr(fft, name), getattr(np.fft, name)
    after = (lambda z: z) if real else parts
    return Line(
        f"{name}-{args}-{kw}", lambda a, b: after(ours(fft.Complex(a, b), *args, **kw)),
        lambda a, b: after(theirs(a + 1j * b, *args, **kw)), (re, im), single=1e-4,
    )  # fmt: skip


H = G.normal(size=(2, 3, 3)), G.normal(size=(2, 3, 3))
LINES = [
    real_in("rfft", X), real_in("rfft", Y), real_in("rfft", Y, 8, 1), real_in("rfft", Y, 3, -1, "ortho"), real_in("rfft", X, None, 0, "forward"),
    real_in("rfft2", Y), real_in("rfftn", Y, axes=(0, 2)), real_in("rfftn", Y, (2, 4), axes=(0, 1)),
    real_in("fft", X), real_in("fft", Y, 4, 0, "ortho"), real_in("ifft", Y, 7), real_in("fft2", Y), real_in("fftn", Y, axes=(1,)), real_in("ifft2", Y),
    back("irfft", *H, True), back("irfft", *H, True, 5), back("irfft", *H, True, 7, 1, "ortho"), back("irfft2", *H, True), back("irfft2", *H, True, (3, 5)),
    back("irfftn", *H, True, norm="forward"), back("fft", *H, False), back("ifft", *H, False, 4), back("fftn", *H, False), back("ifftn", *H, False, axes=(0, 1)),
    back("ifft2", *H, False, norm="forward"),
    Line("fftshift", fft.fftshift, np.fft.fftshift, (Y,)),
    Line("ifftshift", lambda x: fft.ifftshift(x, 1), lambda x: np.fft.ifftshift(x, 1), (Y,)),
    Line("power", lambda x: fft.rfft(x).power(), lambda x: np.abs(np.fft.rfft(x)) ** 2, (X,)),
    Line("abs", lambda x: abs(fft.rfft(x)), lambda x: np.abs(np.fft.rfft(x)), (X,)),
    Line("angle", lambda x: fft.rfft(x)[:, 1:3].angle(), lambda x: np.angle(np.fft.rfft(x))[:, 1:3], (X,)),
    *(Line(f"hfft-{norm}", lambda x, y, norm=norm: fft.hfft(fft.Complex(x, y), 7, norm=norm),
           lambda x, y, norm=norm: np.fft.hfft(x + 1j * y, 7, norm=norm), (X, X[::-1])) for norm in (None, "ortho", "forward")),
    Line("ihfft", lambda x: fft.ihfft(x, axis=0, norm="forward").real, lambda x: np.fft.ihfft(x, axis=0, norm="forward").real, (X,)),
    Line("ihfft-imag", lambda x: fft.ihfft(x).imag, lambda x: np.fft.ihfft(x).imag, (X,)),
    Line("filter", lambda x, h: fft.irfft(fft.rfft(x) * fft.rfft(h) / (1 + fft.rfft(h).power()), 6),
         lambda x, h: np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(h) / (1 + np.abs(np.fft.rfft(h)) ** 2), 6), (X, X[0])),
    Line("quotient", lambda x, h: parts((2j * fft.rfft(x) - 1) / fft.rfft(h).conj()), lambda x, h: parts((2j * np.fft.rfft(x) - 1) / np.conj(np.fft.rfft(h))), (X, X[0]), curve=1e-6),
    *(Line(f"dct-{t}-{n}", lambda x, t=t, n=n: fft.dct(x, t, norm=n), lambda x, t=t, n=n: scipy.fft.dct(x, t, norm=n), (X,)) for t in (2, 3, 4) for n in (None, "ortho")),
    *(Line(f"idct-{t}-{n}", lambda x, t=t, n=n: fft.idct(x, t, axis=0, norm=n), lambda x, t=t, n=n: scipy.fft.idct(x, t, axis=0, norm=n), (X,)) for t in (2, 3, 4) for n in (None, "ortho")),
]  # fmt: skip
A1, B1, A2, B2 = (
    G.normal(size=7),
    G.normal(size=4),
    G.normal(size=(5, 4)),
    G.normal(size=(2, 3)),
)
for mode in ("full", "valid", "same"):
    for p, q in ((A1, B1), (B1, A1), (A2, B2), (B2, A2), (A1, A1), (Y, Y[:1, :2, :2])):
        LINES.append(
            Line(
                f"convolve-{mode}-{p.shape}-{q.shape}",
                lambda a, b, m=mode: signal.convolve(a, b, mode=m),
                lambda a, b, m=mode: scipy.signal.convolve(a, b, m, "direct"),
                (p, q),
            )
        )
    LINES.append(
        Line(
            f"fftconvolve-{mode}",
            lambda a, b, m=mode: signal.fftconvolve(a, b, m),
            lambda a, b, m=mode: scipy.signal.fftconvolve(a, b, m),
            (A2, B2),
        )
    )
SEEN: set[str] = set()


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_line(line: Line) -> None:
    SEEN.update(check(line))


def test_no_row_without_a_line() -> None:
    if len(SEEN) < 10:
        pytest.skip("only with all lines")
    assert {n for n in OPS if n.startswith("fft.")} <= SEEN


def test_numpys_own_functions() -> None:
    x = cg.parameter("x", X[0])
    z = np.fft.rfft(x)
    smooth = np.fft.irfft(z * np.array([1, 0.5, 0.1, 0]), 6)
    truth = np.fft.irfft(np.fft.rfft(X[0]) * np.array([1, 0.5, 0.1, 0]), 6)
    assert np.allclose(cg.run(smooth).value(smooth), truth)
    power = np.sum(np.abs(z) ** 2)
    assert float(cg.run(power).value(power)) == pytest.approx(
        np.sum(np.abs(np.fft.rfft(X[0])) ** 2)
    )
    conj = np.real(np.conjugate(z) * z)
    assert np.allclose(cg.run(conj).value(conj), np.abs(np.fft.rfft(X[0])) ** 2)
    assert np.fft.fftshift(x).shape == (6,) and (np.ones(4) * z).shape == (4,)
    for call in (
        lambda: np.exp(z),
        lambda: np.asarray(z),
        lambda: fft.rfft(z),
        lambda: bool(z),
    ):
        with pytest.raises(UnsupportedError):
            call()


@pytest.mark.parametrize(
    ("shapes", "axes", "dot"),
    [
        (((2, 5), (3, 4)), ([1], [1]), ([], [])),
        (((2, 5), (2, 4)), ([1], [1]), ([0], [0])),
        (((5, 2, 4), (3, 2, 6)), ([0, 2], [0, 2]), ([1], [1])),
        (((2, 6, 3), (3, 2, 4)), ([1], [2]), ([0], [1])),
    ],
)
def test_axes_and_dot_axes_are_autograds(shapes: Any, axes: Any, dot: Any) -> None:
    theirs = pytest.importorskip("autograd.scipy.signal").convolve
    a, b = (G.normal(size=s) for s in shapes)
    for mode in ("full", "valid"):
        try:
            expected = theirs(a, b, axes=axes, dot_axes=dot, mode=mode)
        except Exception:
            with pytest.raises(ShapeError):
                signal.convolve(a, b, axes=axes, dot_axes=dot, mode=mode)
            continue
        check(
            Line(
                f"autograd-{shapes}-{mode}",
                lambda a, b, m=mode: signal.convolve(a, b, axes=axes, dot_axes=dot, mode=m),
                lambda a, b, m=mode: theirs(a, b, axes=axes, dot_axes=dot, mode=m),
                (a, b),
                value=1e-12,
            )
        )
        assert signal.convolve(a, b, axes=axes, dot_axes=dot, mode=mode).shape == expected.shape
