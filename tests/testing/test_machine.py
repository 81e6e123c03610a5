"""The state machine, in the profile of the run: graphs live long lives and agree with a naive engine."""

from __future__ import annotations

import pytest

pytest.importorskip("hypothesis")

from hypothesis import settings

from cgraph import testing

TestGraphs = testing.GraphMachine.TestCase
TestGraphs.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
