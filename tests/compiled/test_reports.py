"""What a program says about itself: plan, stats, profile, and their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cgraph as cg


def net() -> tuple[Any, list[Any]]:
    rng = np.random.default_rng(0)
    X = cg.input("X", shape=(5, None))
    W, b = cg.parameter("W", rng.standard_normal((4, 5))), cg.parameter("b", np.zeros((4, 1)))
    h = cg.tanh(W @ X + b, name="h")
    return cg.mean(cg.square(h), name="loss"), [X, W, b]


def test_the_plan_keeps_what_lives_apart() -> None:
    """No two buffers that are alive at the same time share a byte, but where one is written over the other."""
    loss, (X, W, b) = net()
    f = cg.compile([loss], [X], [W, b])
    f(np.ones((5, 7)))
    plan = f.plan
    inside = [p for p in plan.buffers if p.offset is not None]
    assert len(inside) > 3 and str(plan).count("\n") >= len(plan.buffers)
    for i, p in enumerate(inside):
        assert p.offset + p.nbytes <= plan.workspace
        for q in inside[:i]:
            apart = p.offset + p.nbytes <= q.offset or q.offset + q.nbytes <= p.offset
            in_turn = p.born > q.dies or q.born > p.dies
            taken_over = p.in_place_of == q.name and p.born == q.dies
            assert apart or in_turn or taken_over, (p, q)


def test_stats_are_counted() -> None:
    A, B = cg.input("A", shape=(30, 40)), cg.input("B", shape=(40, 50))
    f = cg.compile(cg.exp(A @ B), [A, B])
    stats = f.stats()
    assert stats.flops == 2 * 30 * 40 * 50 + 15 * 30 * 50
    assert stats.outputs == 30 * 50 * 8 and stats.peak >= stats.outputs
    assert stats.bytes_moved == 8 * (30 * 40 + 40 * 50 + 3 * 30 * 50)


def test_a_profile_finds_what_is_slow() -> None:
    x = cg.input("x", shape=(400, 400))
    cheap = cg.add(x, 1.0, name="cheap")
    dear = cg.matmul(cheap, cg.tanh(cheap), name="dear")
    f = cg.compile(cg.sum(dear), [x])
    profile = f.profile(np.zeros((400, 400)), repeats=5)
    assert profile.forward[dear] > 3 * profile.forward[cheap] > 0
    assert sum(s for _, s in profile.lines) == pytest.approx(profile.total)
    assert "µs a call" in str(profile) and "dot(" in str(profile)


def test_pictures(tmp_path: Path) -> None:
    loss, (X, W, b) = net()
    f = cg.compile([loss], [X], [W, b])
    data = np.ones((5, 30_000))
    f(data)
    program, profile = cg.draw(f), cg.draw(f.profile(data, repeats=2))
    assert "in pieces of" in program.dot and "dot" not in program.title
    notes = [note for box in profile.picture.boxes for note in box.notes]
    assert any("%" in note for note in notes)
    for name, picture in (("program", program), ("profile", profile)):
        assert picture.save(tmp_path / f"{name}.txt").stat().st_size > 100


def test_a_program_is_drawn_by_its_statements() -> None:
    """Every statement of the source is one box, named and written as mathematics."""
    x, y = cg.input("x", 2.0), cg.input("y", 1.0)
    w, b = cg.parameter("w", 0.5), cg.parameter("b", 0.0)
    p = cg.sigmoid(cg.add(w * x, b, name="z"), name="p_hat")
    program = cg.compile(cg.bce(p, y, name="loss"))
    picture = cg.draw(program).picture
    boxes = {box.name: box for box in picture.boxes if box.kind == "op"}
    statements = [
        line for line in program.source.splitlines() if line.strip()[:4] in ("z = ", "p_ha", "loss")
    ]
    assert len(boxes) == len(statements) == 3
    assert boxes["z"].formula == "z = w·x + b" and boxes["p̂"].formula == "p̂ = 1 / (1 + e⁻ᶻ)"
    assert (boxes["p̂"].symbol, boxes["p̂"].tone, boxes["loss"].symbol) == ("σ", "activation", "BCE")
    assert "p_hat" not in str(picture.boxes) + picture.caption and "Python float" in picture.caption
    assert picture.legend and "linear" in cg.draw(program).dot
    into = {(a.tail, a.head) for a in picture.arrows}
    ids = {box.name: box.id for box in picture.boxes}
    assert {
        (ids["w"], ids["z"]),
        (ids["z"], ids["p̂"]),
        (ids["p̂"], ids["loss"]),
        (ids["y"], ids["loss"]),
    } <= into
