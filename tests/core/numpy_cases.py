"""NumPy's namespace on nodes: one line a call, written over a module `m`, which is `cgraph` for what is tested and NumPy for the truth.

`cases.py` puts these lines through everything that is asked of an op; `test_numpy_names.py` also calls NumPy's own functions on nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

N: Any = None  # a size that is only known when it is fed

POINTS = np.array([-2.5, -1.0, 0.1, 1.2, 2.6])
WEIGHTS = np.array([[1.0, 0.0, 0.5, 2.0], [0.3, 1.0, 0.0, 0.7]])
MASK = np.array([[True, False, True], [True, True, False]])

LINES: list[tuple[Any, ...]] = [
    # --- moving ---------------------------------------------------------------------------------------------------------------
    ("roll", lambda m, x: m.roll(x, 1), (2, 3)),
    ("roll-axis", lambda m, x: m.roll(x, -2, axis=1), (2, 3)),
    ("roll-axes", lambda m, x: m.roll(x, (1, 2), axis=(0, 1)), (2, 3)),
    ("roll-?", lambda m, x: m.roll(x, 1, axis=1), (2, N)),
    ("roll-0", lambda m, x: m.roll(x, 1, axis=0), (0, 3)),
    ("flip", lambda m, x: m.flip(x), (2, 3)),
    ("flip-axis", lambda m, x: m.flip(x, axis=1), (2, 3)),
    ("flip-axes", lambda m, x: m.flip(x, axis=(0, 2)), (2, 3, 2)),
    ("fliplr", lambda m, x: m.fliplr(x), (2, 3)),
    ("flipud", lambda m, x: m.flipud(x), (2, 3)),
    *((f"rot90-{k}", lambda m, x, k=k: m.rot90(x, k), (2, 3)) for k in range(-1, 4)),
    ("rot90-axes", lambda m, x: m.rot90(x, 1, axes=(2, 1)), (2, 3, 4)),
    ("moveaxis", lambda m, x: m.moveaxis(x, 0, -1), (2, 3, 4)),
    ("moveaxis-many", lambda m, x: m.moveaxis(x, [0, 1], [-1, -2]), (2, 3, 4)),
    ("rollaxis", lambda m, x: m.rollaxis(x, 2), (2, 3, 4)),
    ("rollaxis-start", lambda m, x: m.rollaxis(x, 0, 3), (2, 3, 4)),
    ("repeat", lambda m, x: m.repeat(x, 2), (2, 3)),
    ("repeat-axis", lambda m, x: m.repeat(x, 3, axis=1), (2, 3)),
    ("repeat-each", lambda m, x: m.repeat(x, [2, 0, 1], axis=1), (2, 3)),
    ("repeat-0d", lambda m, x: m.repeat(x, 3), ()),
    ("tile", lambda m, x: m.tile(x, 2), (3,)),
    ("tile-2", lambda m, x: m.tile(x, (2, 3)), (3, 2)),
    ("tile-more", lambda m, x: m.tile(x, (2, 1, 2)), (2,)),
    ("tile-fewer", lambda m, x: m.tile(x, 2), (2, 3)),
    *((f"pad-{mode}", lambda m, x, mode=mode: m.pad(x, 2, mode=mode), (4,)) for mode in (
        "constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum", "minimum", "mean", "median")),
    *((f"pad2-{mode}", lambda m, x, mode=mode: m.pad(x, ((1, 0), (2, 1)), mode=mode), (2, 3)) for mode in (
        "constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum", "mean")),
    ("pad-value", lambda m, x: m.pad(x, (1, 2), constant_values=(5.0, 7.0)), (3,)),
    ("pad-wide", lambda m, x: m.pad(x, 7, mode="reflect"), (3,)),
    ("pad-odd", lambda m, x: m.pad(x, (2, 1), mode="reflect", reflect_type="odd"), (4,)),
    ("pad-stat", lambda m, x: m.pad(x, 2, mode="mean", stat_length=2), (5,)),
    ("pad-end", lambda m, x: m.pad(x, 2, mode="linear_ramp", end_values=(1.0, -3.0)), (3,)),
    ("pad-dict", lambda m, x: m.pad(x, {1: (1, 2)}), (2, 3)),
    ("pad-none", lambda m, x: m.pad(x, 0), (2,)),
    # --- picking --------------------------------------------------------------------------------------------------------------
    ("take", lambda m, x: m.take(x, [3, 0, 0]), (2, 3)),
    ("take-axis", lambda m, x: m.take(x, [[2, 0], [1, 1]], axis=1), (2, 3)),
    ("take-one", lambda m, x: m.take(x, 1, axis=0), (2, 3)),
    ("take-wrap", lambda m, x: m.take(x, [4, -5], mode="wrap"), (3,)),
    ("take-clip", lambda m, x: m.take(x, [9, -1], mode="clip"), (3,)),
    ("take-by", lambda m, x, i: m.take(x, i, axis=1), (2, 3), np.array([2, 0, 0])),
    ("take_along_axis", lambda m, x: m.take_along_axis(x, np.array([[0, 2, 2], [1, 1, 0]]), axis=1), (2, 3)),
    ("take_along_axis-by", lambda m, x, i: m.take_along_axis(x, i, axis=0), (2, 3), np.array([[0, 1, 1]])),
    ("compress", lambda m, x: m.compress([True, False, True], x, axis=1), (2, 3)),
    ("extract", lambda m, x: m.extract(MASK, x), (2, 3)),
    ("delete", lambda m, x: m.delete(x, 1, axis=1), (2, 3)),
    ("delete-many", lambda m, x: m.delete(x, [0, 4]), (2, 3)),
    ("delete-slice", lambda m, x: m.delete(x, slice(0, 2), axis=1), (2, 3)),
    ("insert", lambda m, x: m.insert(x, 1, 9.0), (3,)),
    ("insert-row", lambda m, x, v: m.insert(x, 1, v, axis=0), (2, 3), (3,)),
    ("insert-many", lambda m, x, v: m.insert(x, [0, 2], v), (3,), (2,)),
    ("insert-block", lambda m, x, v: m.insert(x, 1, v), (3,), (2,)),
    ("append", lambda m, x, v: m.append(x, v), (2, 3), (2,)),
    ("append-axis", lambda m, x, v: m.append(x, v, axis=0), (2, 3), (1, 3)),
    ("select", lambda m, x, y: m.select([x < 0, y < 0], [x * y, y], 2.0), (2, 3), (2, 3)),
    ("where", lambda m, x, y: m.where(MASK, x, y), (2, 3), (3,)),
    # --- diagonals ------------------------------------------------------------------------------------------------------------
    *((f"diag-{k}", lambda m, x, k=k: m.diag(x, k), (3,)) for k in (-1, 0, 2)),
    *((f"diag-matrix-{k}", lambda m, x, k=k: m.diag(x, k), (3, 4)) for k in (-1, 0, 2)),
    ("diagflat", lambda m, x: m.diagflat(x, 1), (2, 2)),
    ("diagonal", lambda m, x: m.diagonal(x), (3, 3)),
    ("diagonal-axes", lambda m, x: m.diagonal(x, offset=1, axis1=0, axis2=2), (3, 2, 4)),
    ("trace", lambda m, x: m.trace(x), (3, 4)),
    ("trace-axes", lambda m, x: m.trace(x, -1, 2, 0), (3, 2, 4)),
    ("tril", lambda m, x: m.tril(x), (3, 4)),
    ("tril-stack", lambda m, x: m.tril(x, -1), (2, 3, 3)),
    ("triu", lambda m, x: m.triu(x, 1), (3, 4)),
    ("triu-vector", lambda m, x: m.triu(x), (3,)),
    ("vander", lambda m, x: m.vander(x), (3,)),
    ("vander-rising", lambda m, x: m.vander(x, 4, increasing=True), (3,)),
    # --- joining --------------------------------------------------------------------------------------------------------------
    ("array_split", lambda m, x: m.array_split(x, 3)[1], (7,)),
    ("array_split-axis", lambda m, x: m.array_split(x, 2, axis=1)[0], (2, 5)),
    ("hsplit", lambda m, x: m.hsplit(x, 2)[1], (2, 4)),
    ("vsplit", lambda m, x: m.vsplit(x, [1])[1], (3, 2)),
    ("dsplit", lambda m, x: m.dsplit(x, 2)[0], (1, 2, 4)),
    ("unstack", lambda m, x: m.unstack(x, axis=1)[1], (2, 3)),
    ("atleast_1d", lambda m, x: m.atleast_1d(x), ()),
    ("atleast_2d", lambda m, x: m.atleast_2d(x), (3,)),
    ("atleast_3d", lambda m, x: m.atleast_3d(x), (2, 3)),
    ("atleast_3d-1", lambda m, x: m.atleast_3d(x), (3,)),
    ("hstack", lambda m, x, y: m.hstack([x, y]), (2,), (3,)),
    ("hstack-2", lambda m, x, y: m.hstack([x, y]), (2, 1), (2, 3)),
    ("vstack", lambda m, x, y: m.vstack([x, y]), (3,), (2, 3)),
    ("dstack", lambda m, x, y: m.dstack([x, y]), (2, 3), (2, 3)),
    ("column_stack", lambda m, x, y: m.column_stack([x, y]), (3,), (3, 2)),
    ("block", lambda m, x, y: m.block([[x, np.zeros((2, 2))], [np.ones((1, 3)), y]]), (2, 3), (1, 2)),
    ("block-row", lambda m, x, y: m.block([x, y]), (2,), (3,)),
    ("broadcast_arrays", lambda m, x, y: m.broadcast_arrays(x, y)[0] + m.broadcast_arrays(x, y)[1], (3, 1), (2,)),
    ("meshgrid", lambda m, x, y: m.meshgrid(x, y)[0] * m.meshgrid(x, y)[1], (3,), (2,)),
    ("meshgrid-ij", lambda m, x, y: m.meshgrid(x, y, indexing="ij", sparse=True)[1] * x[0], (3,), (2,)),
    ("linspace", lambda m, x, y: m.linspace(x, y, 4), (), ()),
    ("linspace-open", lambda m, x, y: m.linspace(x, y, 3, endpoint=False), (2,), (2,)),
    ("linspace-axis", lambda m, x, y: m.linspace(x, y, 3, axis=-1), (2,), (2,)),
    # --- products -------------------------------------------------------------------------------------------------------------
    *((f"einsum-{s}", lambda m, *xs, s=s: m.einsum(s, *xs), *shapes) for s, shapes in [
        ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("ij->ji", [(2, 3)]), ("ij->", [(2, 3)]), ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]), ("iij->j", [(2, 2, 3)]), ("ij,ij->i", [(2, 3), (2, 3)]), ("i,j->ij", [(2,), (3,)]), ("i,i", [(3,), (3,)]),
        ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]), ("...ij,...jk->...ik", [(2, 2, 3), (2, 3, 2)]), ("...i,i", [(2, 3), (3,)]),
        ("i,ij,j", [(2,), (2, 3), (3,)]), ("ij,ij->ij", [(1, 3), (2, 3)]), ("ij,k->k", [(2, 3), (2,)]), ("ji,jk->ik", [(3, 2), (3, 2)]),
        ("i->i", [(3,)]), (",i->i", [(), (3,)]), ("ab,bc,cd->ad", [(2, 3), (3, 2), (2, 2)]), ("ij,jk->ik", [(0, 3), (3, 2)]),
        ("aab,b->a", [(2, 2, 3), (3,)]), ("i j -> j i", [(2, 3)]), ("...", [(2, 3)]), ("i...->...", [(2, 3)])]),
    ("einsum-lists", lambda m, x, y: m.einsum(x, [0, 1], y, [1, 2], [0, 2]), (2, 3), (3, 2)),
    ("tensordot", lambda m, x, y: m.tensordot(x, y), (2, 3, 4), (3, 4, 2)),
    ("tensordot-1", lambda m, x, y: m.tensordot(x, y, axes=1), (2, 3), (3, 2)),
    ("tensordot-0", lambda m, x, y: m.tensordot(x, y, axes=0), (2,), (3,)),
    ("tensordot-axes", lambda m, x, y: m.tensordot(x, y, axes=([0, 2], [1, 0])), (2, 3, 4), (4, 2, 5)),
    ("tensordot-pair", lambda m, x, y: m.tensordot(x, y, axes=(1, 0)), (2, 3), (3, 2)),
    ("tensordot-?", lambda m, x, y: m.tensordot(x, y, axes=1), (N, 2), (2, 3)),
    ("inner", lambda m, x, y: m.inner(x, y), (2, 3), (4, 3)),
    ("inner-1", lambda m, x, y: m.inner(x, y), (3,), (3,)),
    ("inner-0", lambda m, x, y: m.inner(x, y), (), (3,)),
    ("vdot", lambda m, x, y: m.vdot(x, y), (2, 3), (3, 2)),
    ("vecdot", lambda m, x, y: m.vecdot(x, y), (2, 3), (3,)),
    ("kron", lambda m, x, y: m.kron(x, y), (2, 3), (2, 2)),
    ("kron-1", lambda m, x, y: m.kron(x, y), (2,), (2, 2)),
    ("cross", lambda m, x, y: m.cross(x, y), (3,), (3,)),
    ("cross-stack", lambda m, x, y: m.cross(x, y), (2, 3), (3,)),
    ("cross-axis", lambda m, x, y: m.cross(x, y, axis=0), (3, 2), (3, 2)),
    *((f"convolve-{mode}-{a}-{b}", lambda m, x, y, mode=mode: m.convolve(x, y, mode), (a,), (b,)) for mode in ("full", "same", "valid")
      for a, b in [(5, 3), (4, 2), (2, 5), (1, 1), (3, 3)]),
    *((f"correlate-{mode}", lambda m, x, y, mode=mode: m.correlate(x, y, mode), (5,), (3,)) for mode in ("full", "same", "valid")),
    ("correlate-long", lambda m, x, y: m.correlate(x, y, "full"), (2,), (4,)),
    # --- scans ----------------------------------------------------------------------------------------------------------------
    ("cumprod", lambda m, x: m.cumprod(x), (2, 3)),
    ("cumprod-axis", lambda m, x: m.cumprod(x, axis=1), (2, 4)),
    ("cumprod-zeros", lambda m, x: m.cumprod(x), np.array([2.0, 0.0, 3.0, 0.0, 1.5])),
    ("cumprod-0", lambda m, x: m.cumprod(x, axis=1), (2, 0)),
    ("cumulative_sum", lambda m, x: m.cumulative_sum(x, axis=1, include_initial=True), (2, 3)),
    ("cumulative_prod", lambda m, x: m.cumulative_prod(x), (4,)),
    ("diff", lambda m, x: m.diff(x), (2, 4)),
    ("diff-2", lambda m, x: m.diff(x, n=2, axis=0), (4, 2)),
    ("diff-ends", lambda m, x: m.diff(x, prepend=0.0, append=[[1.0], [2.0]]), (2, 3)),
    ("unwrap", lambda m, x: m.unwrap(x * 4.0), (7,)),
    ("unwrap-axis", lambda m, x: m.unwrap(x * 3.0, axis=0, period=2.5), (5, 2)),
    ("logspace", lambda m, x, y: m.logspace(x, y, 3), (), ()),
    ("geomspace", lambda m, x, y: m.geomspace(m.abs(x), m.abs(y), 4), (2,), (2,)),
    ("choose", lambda m, x, y: m.choose(np.array([[0, 1, 1], [1, 0, 0]]), [x, y]), (2, 3), (3,)),
    ("ediff1d", lambda m, x: m.ediff1d(x), (2, 3)),
    ("ediff1d-ends", lambda m, x: m.ediff1d(x, to_end=[9.0, 8.0], to_begin=-1.0), (4,)),
    ("trapezoid", lambda m, y: m.trapezoid(y), (2, 4)),
    ("trapezoid-dx", lambda m, y: m.trapezoid(y, dx=0.5, axis=0), (4, 2)),
    ("trapezoid-x", lambda m, y, x: m.trapezoid(y, x), (2, 4), (4,)),
    ("trapezoid-x2", lambda m, y, x: m.trapezoid(y, x, axis=0), (4, 2), (4, 2)),
    # --- order ----------------------------------------------------------------------------------------------------------------
    ("sort", lambda m, x: m.sort(x), (2, 4)),
    ("sort-axis", lambda m, x: m.sort(x, axis=0), (3, 2)),
    ("sort-flat", lambda m, x: m.sort(x, axis=None), (2, 3)),
    ("sort-?", lambda m, x: m.sort(x), (2, N)),
    ("sort-0", lambda m, x: m.sort(x), (2, 0)),
    ("partition", lambda m, x: m.partition(x, 2)[2], (5,)),
    ("partition-axis", lambda m, x: m.partition(x, [0, 1], axis=0)[:2], (3, 2)),
    ("median", lambda m, x: m.median(x), (2, 3)),
    ("median-odd", lambda m, x: m.median(x, axis=1), (2, 3)),
    ("median-even", lambda m, x: m.median(x, axis=1, keepdims=True), (2, 4)),
    ("median-axes", lambda m, x: m.median(x, axis=(0, 2)), (2, 3, 2)),
    ("quantile", lambda m, x: m.quantile(x, 0.3), (5,)),
    ("quantile-many", lambda m, x: m.quantile(x, [0.0, 0.25, 1.0], axis=1), (2, 4)),
    ("quantile-keepdims", lambda m, x: m.quantile(x, [0.5, 0.9], axis=0, keepdims=True), (4, 2)),
    *((f"quantile-{method}", lambda m, x, method=method: m.quantile(x, 0.37, method=method), (6,)) for method in (
        "lower", "higher", "nearest", "midpoint", "weibull", "hazen", "median_unbiased", "normal_unbiased", "interpolated_inverted_cdf",
        "inverted_cdf", "averaged_inverted_cdf", "closest_observation")),
    ("quantile-jump", lambda m, x: m.quantile(x, [0.0, 0.25, 0.5, 1.0], method="averaged_inverted_cdf"), (4,)),
    *((f"quantile-weights-{axis}", lambda m, x, axis=axis, w=w: m.quantile(
        x, [0.0, 0.3, 0.9], axis=axis, weights=w, method="inverted_cdf"), (2, 4)) for axis, w in (
            (None, WEIGHTS), (1, WEIGHTS), (1, WEIGHTS[0]), (0, WEIGHTS[:, 1]))),
    ("percentile-weights", lambda m, x: m.percentile(x, 60, weights=WEIGHTS[1], axis=1, method="inverted_cdf", keepdims=True), (2, 4)),
    ("percentile", lambda m, x: m.percentile(x, [10, 50]), (7,)),
    ("percentile-axis", lambda m, x: m.percentile(x, 25, axis=-1), (2, 5)),
    # --- averages -------------------------------------------------------------------------------------------------------------
    ("average", lambda m, x: m.average(x), (2, 3)),
    ("average-weights", lambda m, x, w: m.average(x, weights=w), (2, 3), np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 2.0]])),
    ("average-axis", lambda m, x, w: m.average(x, axis=1, weights=w), (2, 3), np.array([1.0, 2.0, 0.5])),
    ("average-keepdims", lambda m, x: m.average(x, axis=0, keepdims=True), (2, 3)),
    ("ptp", lambda m, x: m.ptp(x), (2, 3)),
    ("ptp-axis", lambda m, x: m.ptp(x, axis=1, keepdims=True), (2, 3)),
    ("cov", lambda m, x: m.cov(x), (2, 4)),
    ("cov-y", lambda m, x, y: m.cov(x, y), (4,), (4,)),
    ("cov-columns", lambda m, x: m.cov(x, rowvar=False, bias=True), (4, 2)),
    ("cov-1", lambda m, x: m.cov(x), (4,)),
    ("cov-fweights", lambda m, x: m.cov(x, fweights=[1, 0, 2, 3]), (2, 4)),
    ("cov-aweights", lambda m, x, w: m.cov(x, aweights=abs(w) + 0.5), (2, 4), (4,)),
    ("cov-weights", lambda m, x, w: m.cov(x, fweights=[1, 0, 2, 3], aweights=w * w + 0.5, ddof=2), (2, 4), (4,)),
    ("cov-biased", lambda m, x, w: m.cov(x, aweights=abs(w) + 0.5, bias=True), (4,), (4,)),
    ("corrcoef", lambda m, x: m.corrcoef(x), (2, 4)),
    *((f"{f}-{axis}", lambda m, x, f=f, axis=axis: getattr(m, f)(m.where(MASK, x, np.nan), axis=axis), (2, 3)) for f in (
        "nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanmedian") for axis in (None, 0, 1)),
    ("nanstd", lambda m, x: m.nanstd(m.where(MASK, x, np.nan), axis=1, ddof=1), (2, 3)),
    ("nancumsum", lambda m, x: m.nancumsum(m.where(MASK, x, np.nan), axis=1), (2, 3)),
    ("nancumprod", lambda m, x: m.nancumprod(m.where(MASK, x, np.nan), axis=1), (2, 3)),
    ("nanquantile", lambda m, x: m.nanquantile(m.where(MASK, x, np.nan), [0.2, 0.7], axis=1), (2, 3)),
    ("nanpercentile", lambda m, x: m.nanpercentile(m.where(MASK, x, np.nan), 30, axis=1, keepdims=True), (2, 3)),
    # --- keywords -------------------------------------------------------------------------------------------------------------
    ("sum-where", lambda m, x: m.sum(x, axis=1, where=MASK), (2, 3)),
    ("sum-initial", lambda m, x: m.sum(x, initial=2.0), (2, 3)),
    ("prod-where", lambda m, x: m.prod(x, axis=0, where=MASK, initial=3.0), (2, 3)),
    ("max-initial", lambda m, x: m.max(x, axis=1, initial=0.15, where=MASK), (2, 3)),
    ("min-initial", lambda m, x: m.min(x, axis=1, initial=0.15), (2, 3)),
    ("mean-where", lambda m, x: m.mean(x, axis=0, where=MASK), (2, 3)),
    ("var-where", lambda m, x: m.var(x, axis=1, where=MASK, ddof=1), (2, 3)),
    ("std-correction", lambda m, x: m.std(x, axis=1, correction=1), (2, 3)),
    ("var-mean", lambda m, x: m.var(x, axis=1, mean=np.array([[0.5], [1.0]])), (2, 3)),
    ("reshape-F", lambda m, x: m.reshape(x, (3, 2), order="F"), (2, 3)),
    ("clip-both", lambda m, x: m.clip(x, -1.1, [0.5, 1.1, 1.5]), (2, 3)),
    # --- entry by entry, composed ---------------------------------------------------------------------------------------------
    ("float_power", lambda m, x: m.float_power(m.abs(x), 1.5), (2, 3)),
    ("round", lambda m, x: m.round(x, 1) * x, np.array([0.23, -1.48, 2.71])),
    ("round-tens", lambda m, x: m.round(x, -1) * x, np.array([23.0, -148.0])),
    ("nan_to_num", lambda m, x: m.nan_to_num(m.where(MASK, x, np.inf), posinf=4.0), (2, 3)),
    ("nan_to_num-nan", lambda m, x: m.nan_to_num(m.where(MASK, x, np.nan), nan=-1.0), (2, 3)),
    ("modf", lambda m, x: m.modf(x)[0], np.array([0.23, -1.48, 2.71])),
    ("divmod", lambda m, x, y: m.divmod(x, y)[1], np.array([7.3, -7.3]), np.array([2.0, 3.0])),
    ("ldexp", lambda m, x: m.ldexp(x, np.array([1, -2])), (2,)),
    ("real", lambda m, x: m.real(x) * m.conj(x) if m is np else m.real(x) * m.conjugate(x), (2,)),
]  # fmt: skip

# Without a derivative, or with none that could be compared: values alone.
VALUES: list[tuple[Any, ...]] = [
    ("argmax", lambda m, x: m.argmax(x), (2, 3)),
    ("argmax-axis", lambda m, x: m.argmax(x, axis=1, keepdims=True), (2, 3)),
    ("argmin", lambda m, x: m.argmin(x, axis=0), (2, 3)),
    ("argsort", lambda m, x: m.argsort(x, axis=0), (3, 2)),
    ("argsort-flat", lambda m, x: m.argsort(x, axis=None), (2, 3)),
    ("argpartition", lambda m, x: m.argpartition(x, 1), (4,)),
    ("nanargmax", lambda m, x: m.nanargmax(m.where(MASK, x, np.nan), axis=1), (2, 3)),
    ("nanargmin", lambda m, x: m.nanargmin(m.where(MASK, x, np.nan)), (2, 3)),
    ("searchsorted", lambda m, x: m.searchsorted(POINTS, x), (2, 3)),
    ("searchsorted-right", lambda m, x: m.searchsorted(POINTS, x, side="right"), np.array([-1.0, 0.1])),
    ("digitize", lambda m, x: m.digitize(x, POINTS), np.array([-1.0, 0.5])),
    ("digitize-right", lambda m, x: m.digitize(x, POINTS, right=True), np.array([-1.0, 0.5])),
    ("any", lambda m, x: m.any(x > 1.9, axis=1), (2, 3)),
    ("all", lambda m, x: m.all(x > -3.0), (2, 3)),
    ("all-where", lambda m, x: m.all(x > 0.0, where=MASK), (2, 3)),
    ("count_nonzero", lambda m, x: m.count_nonzero(x > 0.0, axis=1), (2, 3)),
    ("isclose", lambda m, x: m.isclose(x, 1.5, rtol=0.2), (2, 3)),
    ("isposinf", lambda m, x: m.isposinf(x / 0.0), (2,)),
    ("isneginf", lambda m, x: m.isneginf(x / 0.0), (2,)),
    ("angle", lambda m, x: m.angle(x), (3,)),
    ("angle-deg", lambda m, x: m.angle(x, deg=True), (3,)),
    ("imag", lambda m, x: m.imag(x), (3,)),
    ("fix", lambda m, x: m.fix(x), (3,)),
]  # fmt: skip

# Names that NumPy does not have, or has otherwise.
OWN: list[tuple[Any, ...]] = [
    ("mT", lambda cg, x: cg.mT(x), lambda x: np.swapaxes(x, -1, -2), (2, 3, 4)),
    ("matvec", lambda cg, a, b: cg.matvec(a, b), lambda a, b: (a @ b[..., None])[..., 0], (2, 2, 3), (3,)),
    ("vecmat", lambda cg, a, b: cg.vecmat(a, b), lambda a, b: (a[..., None, :] @ b)[..., 0, :], (2, 2), (2, 2, 3)),
    ("row_stack", lambda cg, a, b: cg.row_stack([a, b]), lambda a, b: np.vstack([a, b]), (3,), (3,)),
    ("add_sequence", lambda cg, a, b, c: cg.add_sequence(a, b, c), lambda a, b, c: a + b + c, (2,), (2,), ()),
    ("multiply_sequence", lambda cg, a, b, c: cg.multiply_sequence(a, b, c), lambda a, b, c: a * b * c, (2,), (2,), ()),
    ("multi_matmul", lambda cg, a, b, c: cg.multi_matmul([a, b, c]), lambda a, b, c: a @ b @ c, (2, 3), (3, 2), (2,)),
    ("full", lambda cg, x: cg.full((2, 3), x), lambda x: np.full((2, 3), x), ()),
    ("array", lambda cg, x, y: cg.array([[x, y], [y, 1.0]]), lambda x, y: np.array([[x, y], [y, x * 0 + 1]]), (), ()),
    ("r_", lambda cg, x, y: cg.r_[x, 1.0, y], lambda x, y: np.r_[x, 1.0, y], (2,), (3,)),
    ("c_", lambda cg, x, y: cg.c_[x, y], lambda x, y: np.c_[x, y], (3,), (3,)),
    ("assign", lambda cg, x, v: cg.assign(x, (slice(None), 1), v), lambda x, v: _assigned(x, (slice(None), 1), v), (2, 3), (2,)),
    ("assign-mask", lambda cg, x, v: cg.assign(x, MASK, v), lambda x, v: _assigned(x, MASK, v), (2, 3), ()),
    ("cummax", lambda cg, x: cg.cummax(x, axis=1), lambda x: np.maximum.accumulate(x, axis=1), (2, 4)),
    ("cummin", lambda cg, x: cg.cummin(x), lambda x: np.minimum.accumulate(x, axis=None if x.ndim != 1 else 0), (5,)),
    ("cummax-0", lambda cg, x: cg.cummax(x, axis=1), lambda x: np.maximum.accumulate(x, axis=1), (2, 0)),
    ("linear_recurrence", lambda cg, a, b: cg.linear_recurrence(a, b, axis=1), lambda a, b: _recurrence(a, b), (2, 4), (2, 4)),
    ("linear_recurrence-?", lambda cg, a, b: cg.linear_recurrence(a, b), lambda a, b: _recurrence(a.T, b.T).T, (3, 2), (3, 2)),
    ("gradient", lambda cg, x: cg.central_differences(x), np.gradient, (5,)),
    ("gradient-dx", lambda cg, x: cg.central_differences(x, 0.5, axis=1), lambda x: np.gradient(x, 0.5, axis=1), (2, 4)),
    ("gradient-2", lambda cg, x: cg.central_differences(x, edge_order=2, axis=0), lambda x: np.gradient(x, edge_order=2, axis=0), (4, 2)),
    ("gradient-x", lambda cg, x, p: cg.central_differences(x, p), np.gradient, (5,), POINTS),
    ("gradient-x2", lambda cg, x, p: cg.central_differences(x, p, edge_order=2), lambda x, p: np.gradient(x, p, edge_order=2),
     (5,), POINTS),
    ("gradient-short", lambda cg, x: cg.central_differences(x), np.gradient, (3,)),
    ("gradient-2-points", lambda cg, x: cg.central_differences(x), np.gradient, (2,)),
    ("gradient-axes", lambda cg, x: cg.central_differences(x)[1], lambda x: np.gradient(x)[1], (3, 3)),
    ("interp", lambda cg, x, xp, fp: cg.interp(x, xp * 3.0, fp), lambda x, xp, fp: _interp(x, xp * 3, fp), (4,),
     np.array([-1.2, -0.4, 0.3, 0.9]), (4,)),
    ("interp-ends", lambda cg, x, xp, fp: cg.interp(x, xp, fp, left=-1.0, right=5.0),
     lambda x, xp, fp: _interp(x, xp, fp, -1.0, 5.0), (2, 3),
     np.array([-0.9, 0.1, 0.8]), (3,)),
    ("interp-period", lambda cg, x, xp, fp: cg.interp(x, xp, fp, period=2.5),
     lambda x, xp, fp: np.interp(np.float64(x), np.float64(xp), np.float64(fp), period=2.5), (2, 3),
     np.array([3.1, -0.4, 0.7, 1.0]), (4,)),
    ("asarray", lambda cg, x, y: cg.asarray([x, y, 1.0]) + cg.asarray(x), lambda x, y: np.array([x, y, x * 0 + 1]) + x, (), ()),
    ("bincount", lambda cg, w: cg.bincount([0, 2, 2, 5], w), lambda w: _counted(w), (4,)),
    *((f, lambda cg, x, f=f: getattr(cg, f)(x), t, (2, 3)) for f, t in [
        ("sec", lambda x: 1 / np.cos(x / 1)), ("csc", lambda x: 1 / np.sin(x)), ("cot", lambda x: np.cos(x) / np.sin(x)),
        ("sech", lambda x: 1 / np.cosh(x)), ("csch", lambda x: 1 / np.sinh(x)), ("coth", lambda x: np.cosh(x) / np.sinh(x)),
        ("arccot", lambda x: np.arctan(1 / x)), ("arccsch", lambda x: np.arcsinh(1 / x))]),
    *((f, lambda cg, x, f=f: getattr(cg, f)(x), t, np.array([1.3, 2.2, 3.0])) for f, t in [
        ("arcsec", lambda x: np.arccos(1 / x)), ("arccsc", lambda x: np.arcsin(1 / x)), ("arccoth", lambda x: np.arctanh(1 / x))]),
    ("arcsech", lambda cg, x: cg.arcsech(x), lambda x: np.arccosh(1 / x), np.array([0.3, 0.7])),
]  # fmt: skip


def _assigned(x: Any, index: Any, value: Any) -> Any:
    x = x.copy()
    x[index] = value
    return x


def _interp(x: Any, xp: Any, fp: Any, *ends: float) -> Any:
    return np.interp(np.float64(x), np.float64(xp), np.float64(fp), *ends)


def _counted(w: Any) -> Any:
    result = np.zeros(6, w.dtype)
    np.add.at(result, [0, 2, 2, 5], w)
    return result


def _recurrence(a: Any, b: Any) -> Any:
    columns = [b[:, 0]]
    for i in range(1, b.shape[1]):
        columns.append(a[:, i] * columns[-1] + b[:, i])
    return np.stack(columns, 1)


def written(line: Callable[..., Any], module: Any) -> Callable[..., Any]:
    """A line over one module."""
    return lambda *args: line(module, *args)
