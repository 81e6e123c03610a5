"""Fixtures of the test suite proper (what doctests need too is in the conftest at the root)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """The article's numbers, recomputed independently in float64 (tests/data/golden.json)."""
    numbers: dict[str, Any] = json.loads((DATA / "golden.json").read_text())
    return numbers
