"""Fourier transforms of real arrays: `numpy.fft` on nodes.

A node is real, so a spectrum is a `Complex`: a pair of nodes, the real and the imaginary part, that knows enough arithmetic for filters,
convolutions and power spectra (`docs/adr/` says why). ``cg.fft.rfft(x)`` and ``np.fft.rfft(x)`` give one, `irfft` gives a node again. A
transform is linear, and its adjoint is the transform the other way round.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np

from cgraph.errors import ShapeError, UnsupportedError
from cgraph.extras import scipy
from cgraph.op import Op, is_node
from cgraph.operators import PUBLIC
from cgraph.ops.define import F, linear_op, shape_of
from cgraph.ops.elementwise import multiply, negative, square
from cgraph.ops.joining import concatenate, stack
from cgraph.shapes import Shape

fftfreq, rfftfreq = np.fft.fftfreq, np.fft.rfftfreq

Axes = tuple[int, ...]
Norm = str | None

# --- the ops: on arrays whose last axis holds real and imaginary part -------------------------------------------------------------


def _packed(z: Any, like: Any) -> Any:
    kind = np.float32 if like == np.float32 else np.float64
    return np.ascontiguousarray(z).astype(np.result_type(kind, np.complex64), copy=False).view(kind).reshape(*z.shape, 2)  # fmt: skip


def _complex(p: Any) -> Any:
    p = np.ascontiguousarray(p)
    return p.view(np.result_type(p.dtype, np.complex64))[..., 0]


def _other(norm: Norm) -> Norm:
    """The normalization of the adjoint: the transform the other way round with the same factor."""
    return {
        None: "forward",
        "backward": "forward",
        "forward": "backward",
        "ortho": "ortho",
    }[norm]


def _half(n: int, middle: float, dtype: Any) -> Any:
    """Weights of the frequencies of a real transform: 1 for those that stand alone, `middle` for those that stand for two."""
    w = np.full(n // 2 + 1, middle, dtype)
    w[0] = 1.0
    if n % 2 == 0:
        w[-1] = 1.0
    return w


def _weighted(p: Any, n: int, middle: float, axis: int) -> Any:
    shape = [1] * len(p.shape)
    shape[axis] = n // 2 + 1
    return p * _half(n, middle, p.dtype).reshape(shape)


def _known(x: Any, axis: int) -> int:
    n = x.shape[axis]
    if n is None:
        raise UnsupportedError("fft: the size along the axis must be known; declare it")
    return int(n)


def _r2c_shape(x: Shape, axes: Axes, norm: Norm) -> Shape:
    n = x[axes[-1]]
    half = None if n is None else n // 2 + 1
    return (*(half if i == axes[-1] else m for i, m in enumerate(x)), 2)


def _c2r_shape(p: Shape, axes: Axes, n: int, norm: Norm) -> Shape:
    return tuple(n if i == axes[-1] else m for i, m in enumerate(p[:-1]))


def _r2c_adjoint(u: Any, x: Any, axes: Axes, norm: Norm) -> Any:
    n = _known(x, axes[-1])
    return c2r_op(_weighted(u, n, 0.5, axes[-1]), axes=axes, n=n, norm=_other(norm))


def _c2r_adjoint(u: Any, p: Any, axes: Axes, n: int, norm: Norm) -> Any:
    return _weighted(r2c_op(u, axes=axes, norm=_other(norm)), n, 2.0, axes[-1])


def _example(*shapes: tuple[int, ...]) -> Callable[[Any], Any]:
    def example(rng: Any) -> Any:
        norm = (None, "ortho", "forward")[int(rng.integers(3))]
        if len(shapes[0]) == 3:
            return (rng.normal(size=shapes[0]),), {
                "axes": (0, 1),
                "inverse": bool(rng.integers(2)),
                "norm": norm,
            }
        n = int(rng.integers(4, 6))
        if len(shapes) == 1:
            return (rng.normal(size=(2, n)),), {"axes": (0, 1), "norm": norm}
        return (rng.normal(size=(2, n // 2 + 1, 2)),), {
            "axes": (1,),
            "n": n,
            "norm": norm,
        }

    return example


# fmt: off
c2c_op: Op = linear_op(
    "fft.c2c",
    lambda p, axes, inverse, norm: _packed((np.fft.ifftn if inverse else np.fft.fftn)(_complex(p), axes=axes, norm=norm), p.dtype),
    lambda u, p, axes, inverse, norm: c2c_op(u, axes=axes, inverse=not inverse, norm=_other(norm)), shape=lambda p, axes, inverse, norm: p,
    symbol="ℱ", formula=F("ℱ $a", r"\mathcal{F} $a", "ℱᵀ of the upstream, the transform the other way round"), example=_example((3, 2, 2)),
)
r2c_op: Op = linear_op(
    "fft.r2c", lambda x, axes, norm: _packed(np.fft.rfftn(x, axes=axes, norm=norm), x.dtype), _r2c_adjoint, shape=_r2c_shape, symbol="ℱ",
    formula=F("ℱ $a, half of it", r"\mathcal{F} $a", "ℱᵀ of the upstream, the transform the other way round"), example=_example((2, 4)),
)
c2r_op: Op = linear_op(
    "fft.c2r", lambda p, axes, n, norm: np.asarray(np.fft.irfftn(_complex(p), [*(p.shape[i] for i in axes[:-1]), n], axes, norm), p.dtype),
    _c2r_adjoint, shape=_c2r_shape, symbol="ℱ⁻¹",
    formula=F("ℱ⁻¹ $a, real", r"\mathcal{F}^{-1} $a", "ℱ⁻ᵀ of the upstream, the transform the other way round"),
    example=_example((2, 4), ()),
)
# fmt: on


def _dct_forward(x: Any, axis: int, type: int) -> Any:
    return scipy("fft", "cg.fft.dct").dct(x, type, axis=axis, norm="ortho")


# fmt: off
dct_op: Op = linear_op(
    "fft.dct", _dct_forward, lambda u, x, axis, type: dct_op(u, axis=axis, type={2: 3, 3: 2, 4: 4}[type]), shape=lambda x, axis, type: x,
    symbol="DCT", formula=F("cosine transform of $a", r"\mathcal{C} $a", "its inverse of the upstream"),
    example=lambda rng: ((rng.normal(size=(2, 4)),), {"axis": 1, "type": int(rng.integers(2, 5))}),
)
# fmt: on

# --- a pair of nodes that is a complex array ----------------------------------------------------------------------------------------


def _part(x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


class Complex:
    """A complex array as two real nodes (or arrays): what a Fourier transform gives.

    Attributes:
        real, imag: of one shape.

    ``+ - * /`` with pairs, real nodes, arrays and numbers, `abs`, `conj`, `angle`, `power` (the squared modulus), indexing, `sum`, `mean`,
    `reshape`, `transpose`; NumPy's functions of these names too. A loss is real: take `abs`, `power`, `real` or a transform back.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [1.0, 2.0, 0.0, 3.0])
    >>> X = cg.fft.rfft(x)
    >>> run = cg.sum(X.power()).backward()
    >>> run.grad(x)
    array([ 6., 18.,  2., 22.])
    """

    __slots__ = ("imag", "real")
    __array_priority__ = 1000

    def __init__(self, real: Any, imag: Any) -> None:
        if shape_of(real) != shape_of(imag):
            raise ShapeError(f"Complex: parts of shapes {shape_of(real)} and {shape_of(imag)}")
        self.real, self.imag = real, imag

    @property
    def shape(self) -> Shape:
        return shape_of(self.real)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<Complex {self.shape}>"

    def __add__(self, other: Any) -> Any:
        o = _pair(other)
        return o if o is NotImplemented else Complex(*_same(self.real + o.real, self.imag + o.imag))

    __radd__ = __add__

    def __neg__(self) -> Complex:
        return Complex(negative(self.real), negative(self.imag))

    def __sub__(self, other: Any) -> Any:
        o = _pair(other)
        return o if o is NotImplemented else self + -o

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if _is_real(other):
            return Complex(self.real * other, self.imag * other)
        o = _pair(other)
        if o is NotImplemented:
            return o
        return Complex(
            self.real * o.real - self.imag * o.imag,
            self.real * o.imag + self.imag * o.real,
        )

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if _is_real(other):
            return Complex(self.real / other, self.imag / other)
        o = _pair(other)
        return o if o is NotImplemented else self * o.conj() / o.power()

    def __rtruediv__(self, other: Any) -> Any:
        return _pair(other) * self.conj() / self.power()

    def __getitem__(self, index: Any) -> Complex:
        return Complex(self.real[index], self.imag[index])

    def __abs__(self) -> Any:
        return PUBLIC["hypot"](self.real, self.imag)

    def conj(self) -> Complex:
        """The conjugate."""
        return Complex(self.real, negative(self.imag))

    def power(self) -> Any:
        """The squared modulus, real² + imag²: smooth at 0, where `abs` is not."""
        return square(self.real) + square(self.imag)

    def angle(self) -> Any:
        """The phase, between −π and π."""
        return PUBLIC["arctan2"](self.imag, self.real)

    def _each(self, name: str, *args: Any, **kwargs: Any) -> Complex:
        return Complex(PUBLIC[name](self.real, *args, **kwargs), PUBLIC[name](self.imag, *args, **kwargs))  # fmt: skip

    def sum(self, axis: Any = None, keepdims: bool = False) -> Complex:
        return self._each("sum", axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Complex:
        return self._each("mean", axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Complex:
        return self._each("reshape", shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Complex:
        return self._each("transpose", *axes)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError("a Complex cannot become an array: take .real and .imag, and their values")  # fmt: skip

    def __bool__(self) -> bool:
        raise UnsupportedError("a Complex has no truth value")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        found = _UFUNCS.get(ufunc.__name__)
        if method != "__call__" or kwargs or found is None:
            raise UnsupportedError(f"np.{ufunc.__name__} of a Complex: take .real and .imag, abs, conj, angle or power")  # fmt: skip
        return found(*(_pair(x) if not isinstance(x, Complex) else x for x in inputs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if function.__module__ == "numpy.fft" and name in globals():
            return globals()[name](*args, **kwargs)
        found = _FUNCTIONS.get(name) if function.__module__ == "numpy" else None
        if found is None:
            raise UnsupportedError(f"{function.__module__}.{name} of a Complex: take .real and .imag")  # fmt: skip
        return found(*args, **kwargs)


_UFUNCS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "true_divide": lambda a, b: a / b,
    "negative": lambda a: -a,
    "absolute": abs,
    "conjugate": lambda a: a.conj(),
    "square": lambda a: a * a,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "real": lambda a: a.real,
    "imag": lambda a: a.imag,
    "angle": lambda a: a.angle(),
    "sum": lambda a, axis=None, keepdims=False: a.sum(axis, keepdims),
    "mean": lambda a, axis=None, keepdims=False: a.mean(axis, keepdims),
    "reshape": lambda a, shape: a.reshape(shape),
    "transpose": lambda a, axes=None: a.transpose(axes),
}


def _is_real(x: Any) -> bool:
    if is_node(x):
        return True
    return isinstance(x, Number | np.ndarray | np.generic) and not np.iscomplexobj(np.asarray(x))


def _pair(x: Any) -> Any:
    """Anything complex or real as a pair."""
    if isinstance(x, Complex):
        return x
    if is_node(x):
        return Complex(x, multiply(x, 0.0))
    if type(x) in (int, float, complex):  # Python's numbers are weak
        return Complex(float(x.real), float(x.imag))
    if isinstance(x, Number | np.ndarray | np.generic | list | tuple):
        z = np.asarray(x)
        kind = np.float32 if z.dtype in (np.float32, np.complex64) else np.float64
        return Complex(np.real(z).astype(kind), np.imag(z).astype(kind))
    return NotImplemented


def _same(real: Any, imag: Any) -> tuple[Any, Any]:
    """Two parts of one shape, as far as broadcasting made them differ."""
    if shape_of(real) == shape_of(imag):
        return real, imag
    return real + 0.0 * imag, imag + 0.0 * real


def _join(z: Complex) -> Any:
    return stack([z.real, z.imag], -1)


def _split(p: Any) -> Complex:
    return Complex(p[..., 0], p[..., 1])


# --- for users ----------------------------------------------------------------------------------------------------------------


def _axes(x: Any, s: Any, axes: Any) -> tuple[Axes, list[int | None]]:
    """The axes of a transform and their sizes, as NumPy reads `s` and `axes`."""
    ndim = len(x.shape)
    if axes is None:
        axes = range(ndim) if s is None else range(ndim - len(s), ndim)
    found = tuple(int(a) % ndim for a in axes)
    sizes: list[int | None] = [None] * len(found)
    if s is not None:
        sizes = [None if n in (None, -1) else int(n) for n in s]
    if len(sizes) != len(found):
        raise ShapeError(f"fft: {len(sizes)} sizes for {len(found)} axes")
    return found, sizes


def _fitted(x: Any, axis: int, n: int | None) -> Any:
    """Cut, or filled up with zeros, to `n` along an axis."""
    if n is None:
        return x
    if isinstance(x, Complex):
        return Complex(_fitted(x.real, axis, n), _fitted(x.imag, axis, n))
    own = _known(x, axis)
    if n < 1:
        raise ShapeError(f"fft: {n} is no number of points")
    if n <= own:
        return x if n == own else _part(x, axis, 0, n)
    zeros = np.zeros(tuple(n - own if i == axis else (m or 1) for i, m in enumerate(x.shape)), x.dtype)  # fmt: skip
    return concatenate([x, zeros], axis)


def _real_operand(x: Any, what: str) -> Any:
    if isinstance(x, Complex) or (not is_node(x) and np.iscomplexobj(np.asarray(x))):
        raise UnsupportedError(f"{what} takes real input; {what[1:]} takes complex")
    if is_node(x):
        return x if x.dtype.kind == "f" else x.astype(np.float64)
    x = np.asarray(x)
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def _transform(x: Any, s: Any, axes: Any, norm: Norm, inverse: bool) -> Complex:
    if norm not in (None, "backward", "ortho", "forward"):
        raise ValueError(f"fft: norm is 'backward', 'ortho' or 'forward', not {norm!r}")
    z = x if isinstance(x, Complex) or is_node(x) else _pair(x)
    over, sizes = _axes(z, s, axes)
    if is_node(z):
        z = z if z.dtype.kind == "f" else z.astype(np.float64)
    for axis, n in zip(over, sizes, strict=True):
        z = _fitted(z, axis, n)
    return _split(c2c_op(_join(_pair(z)), axes=over, inverse=inverse, norm=norm))


def fft(a: Any, n: int | None = None, axis: int = -1, norm: Norm = None) -> Complex:
    """The discrete Fourier transform along an axis, of a real node, an array, or a `Complex`."""
    return _transform(a, None if n is None else [n], [axis], norm, False)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: Norm = None) -> Complex:
    """The inverse of `fft`."""
    return _transform(a, None if n is None else [n], [axis], norm, True)


def fftn(a: Any, s: Any = None, axes: Any = None, norm: Norm = None) -> Complex:
    """The transform over several axes."""
    return _transform(a, s, axes, norm, False)


def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Norm = None) -> Complex:
    """The inverse of `fftn`."""
    return _transform(a, s, axes, norm, True)


def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Complex:
    """The transform over two axes."""
    return _transform(a, s, axes, norm, False)


def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Complex:
    """The inverse of `fft2`."""
    return _transform(a, s, axes, norm, True)


def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Norm = None) -> Complex:
    """The transform of a real array over several axes; of the last of them only the frequencies that are not negative are given."""
    x = _real_operand(a, "rfftn")
    over, sizes = _axes(x, s, axes)
    for axis, n in zip(over, sizes, strict=True):
        x = _fitted(x, axis, n)
    return _split(r2c_op(x, axes=over, norm=norm))


def irfftn(
    a: Any,
    s: Any = None,
    axes: Any = None,
    norm: Norm = None,
    *,
    name: str | None = None,
) -> Any:
    """The inverse of `rfftn`: a real node. The last size is 2·(m − 1) unless `s` says otherwise."""
    z = _pair(a)
    over, sizes = _axes(z, s, axes)
    last = 2 * (_known(z.real, over[-1]) - 1) if sizes[-1] is None else int(sizes[-1])
    if last < 1:
        raise ShapeError(f"irfft: {last} is no number of points")
    for axis, n in zip(over[:-1], sizes[:-1], strict=True):
        z = _fitted(z, axis, n)
    z = _fitted(z, over[-1], last // 2 + 1)
    return c2r_op(_join(z), axes=over, n=last, norm=norm, name=name)


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: Norm = None) -> Complex:
    """The transform of a real array along an axis: the n//2 + 1 frequencies that are not negative, as a `Complex`.

    >>> import numpy as np
    >>> import cgraph as cg
    >>> x, h = cg.parameter("x", np.arange(4.0)), np.array([1.0, 1.0, 0.0, 0.0])
    >>> y = np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(h))          # x turned round a ring and added to itself
    >>> cg.run(y).value(y).round(12)
    array([3., 1., 3., 5.])
    """
    return rfftn(a, None if n is None else [n], [axis], norm)


def irfft(
    a: Any,
    n: int | None = None,
    axis: int = -1,
    norm: Norm = None,
    *,
    name: str | None = None,
) -> Any:
    """The inverse of `rfft`: a real node of `n` points (2·(m − 1) by default)."""
    return irfftn(a, None if n is None else [n], [axis], norm, name=name)


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: Norm = None, *, name: str | None = None) -> Any:  # fmt: skip
    """The transform of a signal that equals its own conjugate backwards, given by its first half: `n` real numbers.

    >>> import cgraph as cg
    >>> cg.fft.hfft(cg.fft.ihfft([1.0, 2.0, 5.0, 4.0])).round(12)
    array([1., 2., 5., 4.])
    """
    z = _pair(a)
    return irfftn(z.conj(), None if n is None else [n], [axis], _other(norm), name=name)


def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: Norm = None) -> Complex:
    """The inverse of `hfft`: the first half of the signal, as a `Complex`."""
    return rfft(a, n, axis, _other(norm)).conj()


def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Norm = None) -> Complex:
    """`rfftn` over two axes."""
    return rfftn(a, s, axes, norm)


def irfft2(
    a: Any,
    s: Any = None,
    axes: Any = (-2, -1),
    norm: Norm = None,
    *,
    name: str | None = None,
) -> Any:
    """The inverse of `rfft2`."""
    return irfftn(a, s, axes, norm, name=name)


def _shifted(x: Any, axes: Any, sign: int) -> Any:
    if isinstance(x, Complex):
        return Complex(_shifted(x.real, axes, sign), _shifted(x.imag, axes, sign))
    ndim = len(x.shape)
    over = range(ndim) if axes is None else [axes] if isinstance(axes, int) else axes
    for axis in over:
        axis = axis % ndim
        n = _known(x, axis)
        cut = n - n // 2 if sign > 0 else n // 2
        x = concatenate([_part(x, axis, cut, n), _part(x, axis, 0, cut)], axis)
    return x


def fftshift(x: Any, axes: Any = None) -> Any:
    """The zero frequency moved to the middle."""
    return _shifted(x if isinstance(x, Complex) or is_node(x) else np.asarray(x), axes, 1)


def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of `fftshift`."""
    return _shifted(x if isinstance(x, Complex) or is_node(x) else np.asarray(x), axes, -1)


def _cosine_scale(n: int, type: int, dtype: Any) -> Any:
    """Between the orthonormal transform of type 2 or 3 and SciPy's plain one."""
    scale = np.full(n, np.sqrt(2.0 * n), dtype)
    scale[0] = np.sqrt((4.0 if type == 2 else 1.0) * n)
    return scale


def dct(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: Norm = None,
    *,
    name: str | None = None,
) -> Any:
    """The cosine transform of type 2, 3 or 4 along an axis, as `scipy.fft` has it. Needs SciPy.

    >>> import cgraph as cg
    >>> x = cg.parameter("x", [1.0, 2.0])
    >>> float(cg.sum(cg.square(cg.fft.dct(x, norm="ortho"))).backward().grad(x)[1].round(12))
    4.0
    """
    x = _real_operand(x, "dct")
    axis = axis % len(x.shape)
    x = _fitted(x, axis, n)
    if type not in (2, 3, 4) or norm not in (None, "backward", "ortho"):
        raise UnsupportedError("dct: types 2, 3 and 4, with norm None or 'ortho'")
    if norm == "ortho":
        return dct_op(x, axis=axis, type=type, name=name)
    size = _known(x, axis)
    line = [1] * len(x.shape)
    line[axis] = size
    scale = _cosine_scale(size, type, x.dtype).reshape(line)
    if type == 2:
        return multiply(dct_op(x, axis=axis, type=2), scale, name=name)
    if type == 3:
        return dct_op(multiply(x, scale), axis=axis, type=3, name=name)
    return multiply(dct_op(x, axis=axis, type=4), float(np.sqrt(2.0 * size)), name=name)


def idct(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: Norm = None,
    *,
    name: str | None = None,
) -> Any:
    """The inverse of `dct`. Needs SciPy."""
    other = {2: 3, 3: 2, 4: 4}.get(type, type)
    found = dct(x, other, n, axis, norm, name=name if norm == "ortho" else None)
    return (
        found if norm == "ortho" else multiply(found, 1.0 / (2.0 * _known(found, axis)), name=name)
    )


__all__ = [
    "Complex", "dct", "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "idct", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft",
    "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip
