"""The text of a failure: eight things, in the order in which one asks for them.

Which op and operand; which element, with both values and which is which; the tolerance and where it comes from; the upstream; the inputs as
a minimal graph; the picture; the file that fails in the same way. It has to stand without the picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cgraph.errors import CgraphError
from cgraph.testing.oracle.high_precision import fifty_digits
from cgraph.testing.report import Blame, Report, number, short


def message(report: Report) -> str:
    """The whole text."""
    first = report.blame
    if first is None:
        return f"GradientMismatch: {report.subject.name}: {report.why}\n{report.table()}"
    case = report.case
    blame = case.blame or first
    lines = [
        f"GradientMismatch: {blame.headline(case.name)}"
        + (f"   [{report.why}]" if report.why else "")
    ]
    lines += [f"  {blame.sentence}"] if blame.sentence else []
    lines += _values(blame, report)
    if blame.hint:
        lines.append(f"  looks like: {blame.hint}")
    if blame.upstream is not None:
        lines.append(f"  upstream {np.shape(blame.upstream)}: {short(blame.upstream)}")
    lines.append(
        f"  tolerance used {blame.tolerance:.2g}" + (f" = {blame.reason}" if blame.reason else "")
    )
    if blame.node is not None and first.node is not None and first.node.site != "an unknown line":
        lines.append(f"  the op was used at {first.node.site}")
    size = f" (reduced {case.before} -> {case.after} nodes)" if case.before > case.after else ""
    lines.append(f"  minimal graph{size}:" if report.subject.is_graph else "  inputs:")
    lines += [f"      {line}" for line in case.lines]
    lines += _files(report)
    lines += [f"  note: {note}" for note in report.notes]
    return "\n".join(lines)


def _values(blame: Blame, report: Report) -> list[str]:
    if blame.got is None or blame.expected is None:
        return []
    where = f"element {list(blame.element)}: " if blame.element else "value: "
    bound = blame.tolerance or report.tolerance
    source = (
        "complex step"
        if not any("no complex step" in note for note in report.notes)
        else "Richardson's differences"
    )
    lines = [
        f"  {where}got {number(blame.got)}   expected {number(blame.expected)} ± {bound:.1g} ({source}, through this op alone)"
    ]
    exact = fifty_digits(blame)
    if exact is not None and blame.got is not None:
        lines.append(f"  by mpmath, with fifty digits: {float(exact):.17g}")
    if report.second is not None:
        lines.append(
            f"  whole gradient ⟨g, d⟩: got {report.got:.12g}   expected {report.expected:.12g}, "
            f"by Richardson's differences {report.second.value:.12g} ± {report.second.error:.1g}"
        )
    if np.size(blame.got_array) > 1 and np.shape(blame.got_array) == np.shape(blame.expected_array):
        lines += [
            f"  got      {short(_first_wrong(blame.got_array, blame))}",
            f"  expected {short(_first_wrong(blame.expected_array, blame))}",
        ]
    return lines


def _first_wrong(array: Any, blame: Blame) -> Any:
    """Small arrays whole; of large ones, the entries from the wrong one on."""
    array = np.asarray(array)
    if array.size <= 12 or not blame.element:
        return array
    start = int(np.ravel_multi_index(blame.element, array.shape))
    return np.roll(array.ravel(), -start)


def _files(report: Report) -> list[str]:
    try:
        paths = report.save()
    except (CgraphError, OSError) as error:
        return [f"  picture and reproduction could not be written: {error}"]
    lines = []
    if "png" in paths:
        lines.append(
            f"  picture: {paths['png']}   ({paths['dot'].name} beside it; the red edge is wrong: got / expected)"
        )
    else:
        lines.append(
            f"  picture: {paths['dot']}   (no engine to draw it; the red edge is wrong: got / expected)"
        )
    lines.append(f"  repro:   python {paths['py']}      seed {report.seed}")
    return lines
