"""The tools around the checks: strategies, pytest plugin, command line, op checks, mutation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hypothesis")

from hypothesis import Phase, given, settings, strategies as st

import cgraph as cg
from cgraph import testing
from cgraph.op import OPS, Op
from cgraph.ops import Interval
from cgraph.testing import cli
from cgraph.testing.compare.subject import topological
from cgraph.testing.generate.op_calls import arity
from cgraph.testing.generate.strategies import register

QUIET = [Phase.explicit, Phase.generate, Phase.shrink]

test_exp = testing.gradient_test("exp", examples=30)


@given(graph=testing.graphs(dtypes=("f8", "f4"), empty=True))
def test_random_graphs_pass(graph: testing.RandomGraph) -> None:
    testing.assert_gradients(graph.root)


@given(graph=testing.graphs(reuse=False, ops=["add", "multiply", "sin", "sum"]))
def test_without_reuse_there_are_no_diamonds(graph: testing.RandomGraph) -> None:
    nodes = topological(graph.root)
    uses = [p for n in nodes for p in n.parents if not p.weak]
    assert len(uses) == len(set(uses))


@given(pair=testing.graph_with_inputs())
def test_another_point_can_be_fed(
    pair: tuple[testing.RandomGraph, dict[cg.Node, np.ndarray]],
) -> None:
    graph, feeds = pair
    assert testing.check_gradients(graph.root, feeds).verdict is not testing.Verdict.FAIL


@given(st.data())
def test_small_strategies(data: st.DataObject) -> None:
    shape = data.draw(testing.coincident_shapes())
    x = data.draw(testing.arrays_in(Interval(0.0, 1.0, open_low=True, open_high=True), shape))
    assert x.shape == shape and np.all((x > 0) & (x < 1))
    assert data.draw(testing.cotangents_like(x)).shape == shape
    node = data.draw(testing.op_calls("logsumexp"))
    assert node.op.name == "logsumexp"
    assert set(data.draw(testing.attrs_for("sum"))) == {"axes", "keepdims"}


def test_types_are_registered() -> None:
    register()
    assert isinstance(st.from_type(testing.RandomGraph).example(), testing.RandomGraph)
    assert isinstance(st.from_type(Op).example(), Op)


@pytest.mark.slow
def test_shrinking_ends_at_a_few_nodes() -> None:
    @settings(max_examples=500, database=None, phases=QUIET, derandomize=True)
    @given(graph=testing.graphs())
    def broken(graph: testing.RandomGraph) -> None:
        with testing.plant("tanh/0:half"):
            try:
                testing.assert_gradients(graph.root)
            except testing.GradientMismatch as error:
                assert error.report.case.after <= 4
                raise

    with pytest.raises(testing.GradientMismatch):
        broken()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted(n for n, op in OPS.items() if op.module.startswith("cgraph.ops"))
)
def test_every_row(name: str) -> None:
    report = testing.check_op(name, examples=30)
    assert report.ok, str(report)
    if any(OPS[name].differentiable(i) for i in range(arity(OPS[name]))):
        assert report.control


def test_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["sin", "--soak", "20"]) == 0
    assert "ok: sin: 20 examples" in capsys.readouterr().out
    assert cli.main(["--soak", "20"]) == 0
    assert "20 random graphs" in capsys.readouterr().out
    assert cli.main(["cgraph.ops.elementwise:tanh", "--no-control", "--soak", "10"]) == 0
    assert cli.main(["no_such_module:op"]) == 2
    assert cli.main(["no_such_op"]) == 2
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows_of_mine.py").write_text(
        "import numpy as np\nimport cgraph as cg\nfrom cgraph.ops.elementwise import elementwise\n"
        "bad = elementwise('cli_bad', np.sin, lambda out, x: cg.sin(x))\nx = cg.parameter('x', [1.0])\nnode = cg.exp(x) * x\n"
    )
    try:
        assert cli.main(["rows_of_mine:bad"]) == 1
        assert "cli_bad" in capsys.readouterr().out
        assert cli.main(["rows_of_mine:node"]) == 0
        assert cli.main(["rows_of_mine.py:nothing"]) == 2
        assert "bad" in capsys.readouterr().err
    finally:
        OPS.pop("cli_bad", None)


pytest_plugins = ["pytester"]


@pytest.mark.slow
def test_plugin(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        import cgraph as cg
        from cgraph import testing

        def test_right(gradcheck):
            gradcheck(cg.sin(cg.parameter("x", [0.5, 1.0])))

        @pytest.mark.gradcheck(order=2, modes=("vjp", "graph"))
        def test_right_twice(gradcheck):
            assert gradcheck(cg.exp(cg.parameter("x", 0.3))).verdict == "PASS"

        def test_wrong(gradcheck):
            with testing.plant("sin/0:sign"):
                gradcheck(cg.sin(cg.parameter("x", [0.5, 1.0])))
        """
    )
    loaded = (
        []
        if any(e.value == "cgraph.testing.plugin" for e in _entry_points())
        else ["-p", "cgraph.testing.plugin"]
    )
    result = pytester.runpytest_subprocess(
        *loaded, "--cgraph-artifacts=out", "-p", "no:cacheprovider"
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*cgraph: 3 gradient checks: 1 FAIL, 2 PASS; 0.0 % inconclusive*"])
    result.stdout.fnmatch_lines(["*op 'sin'*"])
    assert list((pytester.path / "out").glob("fail-*.dot"))


def _entry_points() -> list:  # type: ignore[type-arg]
    from importlib.metadata import entry_points

    return list(entry_points(group="pytest11"))


@pytest.mark.slow
def test_mutants_are_made_and_noticed() -> None:
    """In a process of its own: it forks, which other libraries that this process has loaded may not survive."""
    code = (
        "from tools.mutation.mutants import mutants\nfrom tools.mutation.mutate import judge\nfound = list(mutants('linear_maps'))\n"
        "noticed = next(m for m in found if m.name.startswith('linear_maps.MatMulLeft.vjp'))\n"
        "assert len(found) > 30 and judge(noticed, 120.0) not in ('', 'timeout')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(cg.__file__).parent.parent)


@pytest.mark.slow
def test_a_run_of_nothing_but_inconclusive_checks_is_not_green(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import cgraph as cg
        from cgraph.testing import Verdict, check

        def test_nothing(gradcheck, monkeypatch):
            def unsure(*args, **options):
                report = honest(*args, **options)
                report.verdict = Verdict.INCONCLUSIVE
                return report

            honest = check.check_gradients
            monkeypatch.setattr(check, "check_gradients", unsure)
            gradcheck(cg.square(cg.parameter("w", 2.0)))
        """
    )
    loaded = (
        []
        if any(e.value == "cgraph.testing.plugin" for e in _entry_points())
        else ["-p", "cgraph.testing.plugin"]
    )
    result = pytester.runpytest_subprocess(*loaded, "-p", "no:cacheprovider")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*1 INCONCLUSIVE; 100.0 % inconclusive*", "*strict=True*"])
