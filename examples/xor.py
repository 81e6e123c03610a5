"""XOR needs a hidden layer: the 2-3-1 net of the article, layer by layer.

Run it with `python examples/xor.py`. The cost hangs on the logits (`stable_bce`), so on the way back the last sigmoid is
bypassed: its gradient can neither vanish nor blow up.
"""

import numpy as np

import cgraph as cg
from cgraph import nn

X, Y = cg.datasets.xor_gate()

# One generator through both layers: W1 is drawn first, then W2.
rng = np.random.RandomState(48)
net = nn.Sequential(
    nn.Linear(2, 3, init="xavier", rng=rng), nn.Sigmoid(), nn.Linear(3, 1, init="xavier", rng=rng)
)

x, y = cg.input("X", X), cg.input("Y", Y)
Z = net(x)
P = cg.sigmoid(Z, name="P_hat")
cost = cg.mean(cg.stable_bce(Z, y), name="cost")

run = cost.backward()
print("cost", round(float(run.value(cost)), 3))
for node in net.parameters:
    print(f"{node.name}:\n{run.grad(node).round(4)}")

rule = cg.optim.GradientDescent(lr=1.0)
for epoch in range(5000):
    run = cost.backward()
    rule.step(net.parameters, [run.grad(node) for node in net.parameters])
    if epoch % 1000 == 0:
        print(f"epoch {epoch:4}  cost {run.value(cost):.4f}")

print("probabilities of 00, 01, 10, 11:", cg.run(P).value(P).round(3))
