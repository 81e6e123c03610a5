"""cgraph.testing: gradient checks that name the wrong node.

`check_gradients` for a graph or a function, `check_op` for a row of your own, strategies for hypothesis, faults as negative controls.
Everything but the strategies works without hypothesis; nothing is imported before it is used.
"""

# Made from the table by `python tools/stubs.py`.

from cgraph.testing.faults.registry import FAULTS as FAULTS
from cgraph.testing.faults.fault import Fault as Fault
from cgraph.testing.report import GradientMismatch as GradientMismatch
from cgraph.testing.generate.state_machine import GraphMachine as GraphMachine
from cgraph.testing.report import Mismatch as Mismatch
from cgraph.testing.op_check import OpReport as OpReport
from cgraph.testing.generate.random_graphs import RandomDraw as RandomDraw
from cgraph.testing.generate.random_graphs import RandomGraph as RandomGraph
from cgraph.testing.report import Report as Report
from cgraph.testing.report import Verdict as Verdict
from cgraph.testing.generate.strategies import arrays_in as arrays_in
from cgraph.testing.op_check import assert_detects as assert_detects
from cgraph.testing.check import assert_gradients as assert_gradients
from cgraph.testing.generate.strategies import attrs_for as attrs_for
from cgraph.testing.check import check_gradients as check_gradients
from cgraph.testing.op_check import check_op as check_op
from cgraph.testing.generate.strategies import coincident_shapes as coincident_shapes
from cgraph.testing.generate.strategies import cotangents_like as cotangents_like
from cgraph.testing.op_check import faults_for as faults_for
from cgraph.testing.faults.registry import find as find
from cgraph.testing.op_check import gradient_test as gradient_test
from cgraph.testing.generate.strategies import graph_with_inputs as graph_with_inputs
from cgraph.testing.generate.strategies import graphs as graphs
from cgraph.testing.generate.strategies import op_calls as op_calls
from cgraph.testing.generate.strategies import ops as ops
from cgraph.testing.faults.registry import plant as plant
from cgraph.testing.generate.random_graphs import random_graph as random_graph
from cgraph.testing.failure.shrink import reduce_graph as reduce_graph
from cgraph.testing.generate import strategies as strategies

__all__ = ['FAULTS', 'Fault', 'GradientMismatch', 'GraphMachine', 'Mismatch', 'OpReport', 'RandomDraw', 'RandomGraph', 'Report', 'Verdict', 'arrays_in', 'assert_detects', 'assert_gradients', 'attrs_for', 'check_gradients', 'check_op', 'coincident_shapes', 'cotangents_like', 'faults_for', 'find', 'gradient_test', 'graph_with_inputs', 'graphs', 'op_calls', 'ops', 'plant', 'random_graph', 'reduce_graph']
