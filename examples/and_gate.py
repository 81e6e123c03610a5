"""One neuron learns AND, built by hand from the pieces of cgraph.

Run it with `python examples/and_gate.py`. It builds one graph, evaluates it 5000 times with other weights, and lets the
threshold decide.
"""

import numpy as np

import cgraph as cg

# Examples are columns: X is (2 features x 4 examples), Y is (1 x 4).
X, Y = cg.datasets.and_gate()

# --- one neuron ------------------------------------------------------------------------------
x, y = cg.input("X", X), cg.input("Y", Y)
W, b = cg.parameter("W", [[0.1, 0.6]]), cg.parameter("b", [[0.0]])

Z = cg.add(W @ x, b, name="Z")
P = cg.sigmoid(Z, name="P_hat")
cost = cg.mean(cg.bce(P, y), name="cost")

print(cost)  # the graph as numbered equations

# --- forward and backward, once ----------------------------------------------------------------
run = cost.backward()
print("\ncost", round(float(run.value(cost)), 3))
print("dC/dW =", run.grad(W).round(3), " dC/db =", run.grad(b).round(3))
print(run.explain(b))

# --- training ----------------------------------------------------------------------------------
rule = cg.optim.GradientDescent(lr=1.0)
for epoch in range(5000):
    run = cost.backward()
    rule.step([W, b], [run.grad(W), run.grad(b)])
    if epoch % 1000 == 0:
        print(f"epoch {epoch:4}  cost {run.value(cost):.4f}")

print("W =", W.value.round(3), " b =", b.value.round(3))

# --- the threshold -----------------------------------------------------------------------------
probability = cg.run(P).value(P)
for threshold in (1e-9, 1e-5, 0.5, 0.9999):
    accuracy = np.mean((threshold <= probability) == Y)
    print(f"threshold {threshold:<7g} accuracy {accuracy:.0%}")
