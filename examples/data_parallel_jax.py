"""One cgraph graph, trained data-parallel by two processes with JAX's distributed runtime, on this machine (CPU).

Run it with `python examples/data_parallel_jax.py`. Every process sees half of the examples; the gradients are averaged. The weights agree
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
    return cg.compile(cost, inputs=[X, Y], backend="jax"), data, (data[:1] * data[1:] > 0) * 1.0


def train(step, parameters, X, Y):
    for _ in range(STEPS):
        slopes = step(parameters, X, Y)
        parameters = {name: parameters[name] - 0.5 * slopes[name] for name in parameters}
    return parameters


def worker(rank, port, answers):
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(f"127.0.0.1:{port}", PROCESSES, rank)
    program, X, Y = graph()
    mesh = Mesh(np.array(jax.devices()), ("data",))
    whole, columns = NamedSharding(mesh, P()), NamedSharding(mesh, P(None, "data"))
    part = np.array_split(np.arange(X.shape[1]), PROCESSES)[rank]
    X, Y = (jax.make_array_from_process_local_data(columns, a[:, part], a.shape) for a in (X, Y))
    values = {
        name: jax.make_array_from_process_local_data(whole, np.asarray(value), value.shape)
        for name, value in program.parameters().items()
    }
    # The mean over all examples is the mean of the shards' means; its gradient is JAX's to find.
    cost = jax.shard_map(
        lambda v, x, y: jax.lax.pmean(program.function(v, x, y), "data"),
        mesh=mesh, in_specs=(P(), P(None, "data"), P(None, "data")), out_specs=P(),
    )  # fmt: skip
    found = train(jax.jit(jax.grad(cost)), values, X, Y)
    if rank == 0:
        answers.put({name: np.asarray(value.addressable_data(0)) for name, value in found.items()})
    jax.distributed.shutdown()


def main():
    try:
        import jax
    except ImportError:
        print("this example needs JAX: pip install 'cgraph[jax]'")
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
    jax.config.update("jax_enable_x64", True)
    alone = train(jax.jit(jax.grad(program.function)), program.parameters(), X, Y)
    far = max(np.max(np.abs(together[name] - alone[name])) for name in alone)
    print(f"{PROCESSES} processes and one differ by {far:.1e} after {STEPS} steps")
    assert far < 1e-12
    program.assign(together)
    print("cost", round(float(program(X, Y)), 6))


if __name__ == "__main__":
    main()
