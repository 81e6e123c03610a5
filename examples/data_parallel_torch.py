"""One cgraph graph, trained data-parallel by two processes with PyTorch's DistributedDataParallel (gloo), on this machine.

Run it with `python examples/data_parallel_torch.py`. Every process sees half of the examples; the gradients are averaged. The weights agree
with those of one process that sees all examples, to rounding.
"""

import multiprocessing
import socket

import numpy as np

import cgraph as cg

STEPS, PROCESSES = 20, 2


def graph():
    rng = np.random.default_rng(0)
    X, Y = cg.input("X", shape=(2, None)), cg.input("Y", shape=(1, None))
    W1, b1 = cg.parameter("W1", rng.standard_normal((8, 2))), cg.parameter("b1", np.zeros((8, 1)))
    W2, b2 = cg.parameter("W2", rng.standard_normal((1, 8))), cg.parameter("b2", np.zeros((1, 1)))
    cost = cg.mean(cg.stable_bce(W2 @ cg.tanh(W1 @ X + b1) + b2, Y), name="cost")
    data = rng.standard_normal((2, 64))
    return cg.compile(cost, inputs=[X, Y], backend="torch"), data, (data[:1] * data[1:] > 0) * 1.0


def train(model, module, X, Y):
    import torch

    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(STEPS):
        optimizer.zero_grad()
        model(torch.as_tensor(X), torch.as_tensor(Y)).backward()
        optimizer.step()
    return {name: value.detach().numpy().copy() for name, value in module.values().items()}


def worker(rank, port, answers):
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=PROCESSES)
    program, X, Y = graph()
    module = program.module()
    part = slice(rank, None, PROCESSES)
    found = train(DistributedDataParallel(module), module, X[:, part], Y[:, part])
    if rank == 0:
        answers.put(found)
    dist.destroy_process_group()


def main():
    try:
        import torch  # noqa: F401
    except ImportError:
        print("this example needs PyTorch: pip install 'cgraph[torch]'")
        return
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [context.Process(target=worker, args=(k, port, answers)) for k in range(PROCESSES)]
    for w in workers:
        w.start()
    together = answers.get(timeout=100)
    for w in workers:
        w.join()
    program, X, Y = graph()
    module = program.module()
    alone = train(module, module, X, Y)
    far = max(np.max(np.abs(together[name] - alone[name])) for name in alone)
    print(f"{PROCESSES} processes and one differ by {far:.1e} after {STEPS} steps")
    assert far < 1e-12
    program.assign(together)
    print("cost", round(float(program(X, Y)), 6))


if __name__ == "__main__":
    main()
