"""Failure: the smallest case of a failing report, and what is made of it: text, picture, reproduction.

It is looked for once, when first asked for. A message has eight things, in the order in which one asks for them: which op and operand;
which element, with both values and which is which; the tolerance and where it comes from; the upstream; the inputs as a minimal graph;
the picture; the file that fails in the same way. It has to stand without the picture.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import numpy as np

from cgraph.errors import CgraphError, DrawError
from cgraph.testing.failure import picture, repro
from cgraph.testing.failure.shrink import Case, minimal_case
from cgraph.testing.oracle.high_precision import fifty_digits
from cgraph.testing.report import Report, default_directory


class Failure:
    """The smallest case of a report whose verdict is FAIL."""

    def __init__(self, report: Report) -> None:
        self.report = report

    @cached_property
    def case(self) -> Case:
        return minimal_case(self.report)

    def text(self, directory: str | Path | None = None) -> str:
        """The whole message; with a directory, picture and reproduction are written there."""
        report, case = self.report, self.case
        first, mismatch = report.mismatch, case.mismatch or report.mismatch
        if first is None or mismatch is None:
            return f"GradientMismatch: {report.subject.name}: {report.why}\n{report.table()}"
        lines = [mismatch.headline(case.name) + (f"   [{report.why}]" if report.why else "")]
        lines += mismatch.lines(report.source)
        exact = fifty_digits(mismatch)
        if exact is not None:
            lines.append(f"by mpmath, with fifty digits: {float(exact):.17g}")
        second = report.second
        if second is not None:
            lines.append(
                f"whole gradient ⟨g, d⟩: got {report.got:.12g}   expected {report.expected:.12g}, "
                f"by Richardson's differences {second.value:.12g} ± {second.error:.1g}"
            )
        if (
            mismatch.node is not None
            and first.node is not None
            and first.node.site != "an unknown line"
        ):
            lines.append(f"the op was used at {first.node.site}")
        size = f" (reduced {case.before} -> {case.after} nodes)" if case.before > case.after else ""
        lines.append(f"minimal graph{size}:" if report.subject.is_graph else "inputs:")
        lines += [f"    {line}" for line in case.lines]
        lines += self._written(directory) if directory is not None else []
        lines += [f"note: {note}" for note in report.notes]
        return "\n  ".join([f"GradientMismatch: {lines[0]}", *lines[1:]])

    def _written(self, directory: str | Path) -> list[str]:
        try:
            paths = self.save(directory)
        except (CgraphError, OSError) as error:
            return [f"picture and reproduction could not be written: {error}"]
        if "png" in paths:
            shown = f"{paths['png']}   ({paths['dot'].name} beside it; the red edge is wrong: got / expected)"
        else:
            shown = (
                f"{paths['dot']}   (no engine to draw it; the red edge is wrong: got / expected)"
            )
        return [f"picture: {shown}", f"repro:   python {paths['py']}      seed {self.report.seed}"]

    def dot(self) -> str:
        return picture.dot(self.case)

    def png(self, path: Path) -> Path:
        return picture.png(self.case, path)

    def script(self) -> str:
        return repro.script(self.report, self.case)

    def save(self, directory: str | Path | None = None) -> dict[str, Path]:
        """Picture, DOT text, data and reproduction under one name that depends on the failure alone."""
        directory = Path(directory or default_directory())
        text = self.dot()
        name = "fail-" + hashlib.sha256(text.encode()).hexdigest()[:8]
        directory.mkdir(parents=True, exist_ok=True)
        paths = {"dot": directory / f"{name}.dot", "py": directory / f"{name}.py"}
        paths["dot"].write_text(text, encoding="utf-8")
        paths["py"].write_text(self.script(), encoding="utf-8")
        try:
            paths["png"] = self.png(directory / f"{name}.png")
        except DrawError:
            pass
        if not self.report.subject.is_graph:
            paths["npz"] = directory / f"{name}.npz"
            np.savez(paths["npz"], *self.report.subject.inputs)
        return paths
