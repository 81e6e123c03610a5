"""What holds for every test and doctest of the repository.

It stands at the root, not in tests/, because pytest applies a conftest only below its own directory and the doctests of the
package, of the README and of docs/ need the same footing: short array printing, `np` and `cg` at hand, a scratch working
directory, and the promise that cgraph leaves NumPy's global state alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")

collect_ignore = ["README.md"]  # tests/test_docs.py runs it as one session

try:
    import hypothesis
except ModuleNotFoundError:  # the property tests skip themselves
    pass
else:
    everywhere: dict[str, Any] = {
        "deadline": None,
        "suppress_health_check": [hypothesis.HealthCheck.too_slow],
    }
    hypothesis.settings.register_profile("dev", max_examples=50, **everywhere)
    hypothesis.settings.register_profile(
        "ci", max_examples=100, derandomize=True, print_blob=True, **everywhere
    )
    hypothesis.settings.register_profile("nightly", max_examples=2000, **everywhere)
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True)
def numpy_left_alone() -> Iterator[None]:
    """Fail a test after which NumPy's error handling or its legacy generator is not as before."""
    errors, generator = np.geterr(), np.random.get_state(legacy=False)
    yield
    after, state = np.geterr(), np.random.get_state(legacy=False)
    np.seterr(**errors)
    np.random.set_state(generator)
    assert after == errors, f"np.geterr() was {errors}, is {after}"
    same = np.array_equal(state["state"]["key"], generator["state"]["key"])
    assert same and state["state"]["pos"] == generator["state"]["pos"], (
        "the legacy random state of NumPy moved: use a generator of your own"
    )


@pytest.fixture(autouse=True)
def doctest_footing(
    request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]
) -> Iterator[None]:
    """Give doctests `np`, `cg`, fixed array printing and a scratch working directory."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    import cgraph

    doctest_namespace.update(np=np, cg=cgraph)
    request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
    with np.printoptions(precision=4, suppress=True, floatmode="maxprec", linewidth=100):
        yield
