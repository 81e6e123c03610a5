"""Files: what goes in comes out, what is damaged or hostile is a StoreError, and a kill leaves the old file whole."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import cgraph as cg
from cgraph import datasets, nn
from cgraph.errors import StoreError
from cgraph.graph import order
from cgraph.io import archive, store


def example() -> Any:
    """A graph with every kind of leaf and of parameter: names, scopes, unknown sizes, dtypes, slices, masks, fancy indices."""
    with cg.scope("layer1"):
        W = cg.parameter("W", np.arange(6.0).reshape(2, 3) / 7)
        b = cg.parameter("b", np.float32([[0.1], [0.2]]))
    X, k = cg.input("X", shape=(3, None)), cg.input("k", 3)
    with cg.scope("layer1"):
        A = cg.tanh(W @ X + b, name="A")
    picked = A[::-1, [0, 1, 1]] + A[..., :3] * k + cg.constant(np.float32(0.5), name="half")
    masked = cg.where(picked > 0, picked, -0.25 * picked)
    tail = cg.concatenate([masked, cg.square(masked)], axis=0).T.reshape(-1)
    return cg.sum(
        tail[1:7:2] + cg.constant([1.0, 2.0, np.inf])[[True, True, False]].sum(), name="loss"
    )


def feeds(root: Any) -> dict[Any, Any]:
    X = next(node for node in order(root) if node.name == "X")
    return {X: np.arange(12.0).reshape(3, 4) - 5}


def same(a: Any, b: Any) -> None:
    assert str(a) == str(b)
    for one, two in zip(order(a), order(b), strict=True):
        assert (one.op, one.shape, one.dtype, one.name, one.scope) == (
            two.op,
            two.shape,
            two.dtype,
            two.name,
            two.scope,
        )
        assert (one.active, one.is_number, one.weak) == (two.active, two.is_number, two.weak)


def test_round_trip(tmp_path: Path) -> None:
    loss = example()
    assert cg.save(loss, tmp_path / "net.cgraph") == tmp_path / "net.cgraph"
    again = cg.load(tmp_path / "net.cgraph")
    same(loss, again)
    ours, theirs = loss.backward(feeds(loss)), again.backward(feeds(again))
    for one, two in zip(order(loss), order(again), strict=True):
        assert ours.value(one).tobytes() == theirs.value(two).tobytes()
        if ours.has_grad(one):
            assert ours.grad(one).tobytes() == theirs.grad(two).tobytes()
    cg.save(again, tmp_path / "twice.cgraph")
    assert (tmp_path / "net.cgraph").read_bytes() == (tmp_path / "twice.cgraph").read_bytes()


def test_several_roots_share_their_graph(tmp_path: Path) -> None:
    w = cg.parameter("w", 2.0)
    cg.save([w * w, w + 1, w], tmp_path / "x.cgraph")
    a, b, c = cg.load(tmp_path / "x.cgraph")
    assert a.parents == (c, c) and b.parents[0] is c
    cg.save([w], str(tmp_path / "one.cgraph"))
    assert isinstance(cg.load(str(tmp_path / "one.cgraph")), list)


def test_gradient_graphs_are_graphs(tmp_path: Path) -> None:
    X, Y = datasets.xor_gate()
    net = nn.Sequential(
        nn.Linear(2, 3, init="xavier", rng=1), nn.Tanh(), nn.Linear(3, 1, init="xavier", rng=2)
    )
    loss = cg.mean(cg.stable_bce(net(cg.input("X", X)), cg.input("Y", Y)))
    grads = cg.gradient(loss, net.parameters)
    cg.save(grads, tmp_path / "x.cgraph")
    for one, two in zip(grads, cg.load(tmp_path / "x.cgraph"), strict=True):
        assert cg.run(one).value(one).tobytes() == cg.run(two).value(two).tobytes()


def test_extreme_numbers(tmp_path: Path) -> None:
    values = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1.7976931348623157e308, 0.1 + 0.2]
    w = cg.parameter("w", 1.0)
    root = cg.stack([w * v for v in values] + [cg.parameter("p", v) for v in values])
    cg.save(root, tmp_path / "x.cgraph")
    again = cg.load(tmp_path / "x.cgraph")
    assert cg.run(again).value(again).tobytes() == cg.run(root).value(root).tobytes()


def test_a_long_chain(tmp_path: Path) -> None:
    x = y = cg.parameter("x", 1.0)
    for i in range(30_000):
        y = cg.sin(y) if i % 2 else y + 0.5
    cg.save(y, tmp_path / "x.cgraph")
    again = cg.load(tmp_path / "x.cgraph")
    assert cg.run(again).value(again) == cg.run(y).value(y) and x.value == 1
    with zipfile.ZipFile(
        tmp_path / "x.cgraph"
    ) as file:  # numbers stand in the index, arrays only have entries of their own
        assert file.namelist() == [archive.INDEX]


def test_names_are_text(tmp_path: Path) -> None:
    root = cg.parameter('σ "quoted" \\ \n ∂', 1.0) * 2
    cg.save(root, tmp_path / "x.cgraph")
    same(root, cg.load(tmp_path / "x.cgraph"))


# --- damaged and hostile files -----------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("store") / "net.cgraph"
    cg.save(example(), path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("store") / "model.cgraph"
    X, Y = datasets.xor_gate()
    nn.BinaryClassifier(epochs=3).fit(X.T, Y.ravel()).save(path)
    return path.read_bytes()


def attempt(path: Path, data: bytes) -> None:
    """Whatever the bytes are: a graph, or a StoreError."""
    path.write_bytes(data)
    for read in (cg.load, nn.BinaryClassifier.load):
        try:
            read(path)
        except StoreError as error:
            assert path.name in str(error)


def test_every_truncation(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.cgraph"
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match=r"x\.cgraph"):
            cg.load(path)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_flipped_bytes(whole: bytes, trained: bytes, tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from([whole, trained])))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    attempt(tmp_path / "x.cgraph", bytes(damaged))


def rebuild(data: bytes, change: Any) -> bytes:
    """The archive with its index changed by a function, all checksums right again."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == archive.INDEX:
                index = json.loads(content)
                replaced = change(index)
                content = json.dumps(index if replaced is None else replaced).encode()
            new.writestr(name, content)
    return result.getvalue()


JUNK: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    "x",
    "__class__",
    [],
    [[]],
    {},
    {"array": "a0"},
    {"tuple": []},
    {"float": "nan"},
]


def mutate(value: Any, rng: random.Random) -> Any:
    """Replace one random place of a JSON value by junk."""
    while True:
        if isinstance(value, dict) and value and rng.random() < 0.93:
            key = rng.choice(sorted(value))
            if not isinstance(value[key], dict | list) or not value[key] or rng.random() < 0.07:
                value[key] = rng.choice(JUNK)
                return None
            value = value[key]
        elif isinstance(value, list) and value and rng.random() < 0.93:
            i = rng.randrange(len(value))
            if not isinstance(value[i], dict | list) or not value[i] or rng.random() < 0.07:
                value[i] = rng.choice(JUNK)
                return None
            value = value[i]
        elif isinstance(value, dict):
            value[rng.choice(["op", "parents", "x"])] = rng.choice(JUNK)
            return None
        else:
            value.append(rng.choice(JUNK))
            return None


@pytest.mark.parametrize("seed", range(150))
def test_tampered_index(whole: bytes, trained: bytes, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    attempt(
        tmp_path / "x.cgraph",
        rebuild(rng.choice([whole, trained]), lambda index: mutate(index, rng)),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: i.update(version=99), "version 99"),
        (lambda i: i.update(format="pickle"), "no cgraph index"),
        (lambda i: [1], "not an object"),
        (lambda i: i["nodes"][-1].update(op="os.system"), "no op is called 'os.system'"),
        (lambda i: i["nodes"][-1].update(parents=[len(i["nodes"])]), "does not stand before"),
        (lambda i: i["nodes"][-1].update(parents=[len(i["nodes"]) - 1]), "does not stand before"),
        (lambda i: i["nodes"][-1].update(parents=[-1]), "does not stand before"),
        (lambda i: i["nodes"][-1].update(shape=[7]), "comes out as"),
        (lambda i: i["nodes"][0].update(dtype="O"), "dtype|damaged"),
        (lambda i: i["nodes"][-1].update(name=5), "not a text"),
        (lambda i: i.update(roots=[0, 1]), "not consistent"),
        (lambda i: i.pop("nodes"), "damaged"),
    ],
)
def test_what_it_says(whole: bytes, tmp_path: Path, change: Any, message: str) -> None:
    def changed(index: Any) -> Any:
        result = change(index)
        return result if result == [1] else None

    path = tmp_path / "x.cgraph"
    path.write_bytes(rebuild(whole, changed))
    with pytest.raises(StoreError, match=message):
        cg.load(path)


def zipped(entries: dict[str, bytes], **options: Any) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", **options) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return result.getvalue()


def npy(header: str, body: bytes) -> bytes:
    text = header.encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def test_hostile_archives(tmp_path: Path) -> None:
    index = json.dumps(
        {"format": "cgraph", "version": 1, "nodes": [], "roots": [], "single": False, "extra": {}}
    ).encode()
    huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }"
    objects = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    overflow = "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 0), }"
    for data, message in [
        (b"", "damaged"),
        (b"not a zip", "damaged"),
        (zipped({}), "index and arrays"),
        (zipped({"graph.json": index, "evil.py": b""}), "index and arrays"),
        (zipped({"graph.json": index}, compression=zipfile.ZIP_DEFLATED), "compressed"),
        (zipped({"graph.json": b"[" * 100_000}), "damaged"),
        (zipped({"graph.json": b'{"a": ' + b"9" * 10_000 + b"}"}), "damaged"),
        (zipped({"graph.json": index, "a0.npy": npy(huge, b"")}), "does not fit"),
        (zipped({"graph.json": index, "a0.npy": npy(objects, b"\x80\x04N.")}), "dtype object"),
        (zipped({"graph.json": index, "a0.npy": npy("__import__('os')", b"")}), "damaged"),
    ]:
        path = tmp_path / "x.cgraph"
        path.write_bytes(data)
        with pytest.raises(StoreError, match=message):
            cg.load(path)
    path.write_bytes(zipped({"graph.json": index, "a0.npy": npy(overflow, b"")}))
    attempt(path, path.read_bytes())


def test_a_model_cannot_claim_to_be_large(trained: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.cgraph"
    path.write_bytes(rebuild(trained, lambda i: i["extra"]["classifier"].update(hidden=[10**12])))
    with pytest.raises(StoreError, match="sizes"):
        nn.BinaryClassifier.load(path)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        cg.load(tmp_path / "nothing.cgraph")


# --- writing ---------------------------------------------------------------------------------------


def test_a_failed_write_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.cgraph"
    cg.save(cg.parameter("w", 1.0) * 1, path)
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        cg.save(cg.parameter("w", 2.0) * 1, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["net.cgraph"]


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    op = cg.Op("private", np.positive, partials=(1.0,))
    root = op(cg.parameter("w", 1.0))
    with pytest.raises(StoreError, match="'private' is not registered"):
        cg.save(root, tmp_path / "x.cgraph")
    assert not os.listdir(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_kill_during_write(tmp_path: Path) -> None:
    """A process rewrites a large file again and again and is killed at odd moments; the file is always one of the two."""
    path = tmp_path / "net.cgraph"
    code = """
        import sys
        import numpy as np
        import cgraph as cg
        w = cg.parameter("w", np.zeros(300_000))
        root = cg.sum(w)
        print("go", flush=True)
        i = 0
        while True:
            i += 1
            w.value = np.full(300_000, float(i))
            cg.save(root, sys.argv[1])
    """
    cg.save(cg.sum(cg.parameter("w", np.zeros(300_000))), path)
    for attempt in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code), str(path)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05 + 0.0111 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        values = cg.load(path).parents[0].value
        assert values.shape == (300_000,) and np.ptp(values) == 0
    cg.save(cg.sum(cg.parameter("w", np.zeros(3))), path)
    assert cg.load(path).parents[0].shape == (3,)


def test_atomic_write_keeps_the_usual_permissions(tmp_path: Path) -> None:
    store.save(cg.parameter("w", 1.0) * 1, tmp_path / "a.cgraph")
    (tmp_path / "b").write_text("")
    assert (tmp_path / "a.cgraph").stat().st_mode == (tmp_path / "b").stat().st_mode
