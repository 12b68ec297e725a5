"""Weights packed once for prediction: the bits of products that pack them anew, and never a weight of before."""

import numpy as np
import pytest
from harness import ISAS
from test_gemm import laid_out, place

import gdcore as gd
from gdcore import _core, runtime
from gdcore.engine import packing

ROWS = 33  # the last batch of 32 has one row, which reads the weights where they lie


def network(inputs=40):
    return gd.Sequential([gd.Input(inputs), gd.Dense(70, "tanh"), gd.Dense(36)])


def by_hand(model, x):
    """What a model of the same numbers predicts that has packed nothing yet."""
    new = network(x.shape[1])
    new.load_state_dict(model.state_dict())
    return new.predict(x, batch_size=32)


def data(rows=ROWS, inputs=40):
    rng = np.random.default_rng(1)
    return rng.normal(size=(rows, inputs)).astype(np.float32), rng.normal(size=(rows, 36))


def another_model(model, x, y):
    """Trains the model's first layer, as its own."""
    other = gd.Sequential([gd.Input(40), model.layers[0], gd.Dense(36)]).compile("sgd", "mse")
    other.fit(x, y, epochs=1, verbose=0)


def within_a_step(model, x, y):
    """Predicts between steps, where `fit` holds the lock: the weights are those of the step."""

    class Looks(gd.Callback):
        def on_batch_end(self, batch, logs):
            seen.append((self.model.predict(x, batch_size=32), by_hand(self.model, x)))

    seen = []
    model.fit(x, y, batch_size=8, epochs=1, verbose=0, callbacks=[Looks()])
    assert len(seen) == 5 and all((got == want).all() for got, want in seen)


def set_data(model, x, y):
    model.layers[0].variables["kernel"].data = np.ones((40, 70))


def write_through_a_view(model, x, y):
    """A view that somebody keeps is written to whenever he likes."""
    view = model.layers[0].variables["kernel"].data
    for number in (1.0, 2.0):
        view[...] = number
        assert (model.predict(x, batch_size=32) == by_hand(model, x)).all()
    view[...] = 3.0


CHANGES = {
    "fit": lambda m, x, y: m.fit(x, y, epochs=1, verbose=0),
    "fit with predictions": within_a_step,
    "train_on_batch": lambda m, x, y: m.train_on_batch(x, y),
    "set_weights": lambda m, x, y: m.set_weights([w + 1 for w in m.get_weights()]),
    "load_state_dict": lambda m, x, y: m.load_state_dict(
        {k: v * 2 for k, v in m.state_dict().items()}
    ),
    "another model": another_model,
    "data": set_data,
    "view": write_through_a_view,
    "lbfgs": lambda m, x, y: pytest.importorskip("scipy") and gd.lbfgs(m, x, y, max_iter=2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_packed_again_after(change):
    x, y = data()
    model = network().compile("sgd", "mse")
    before = model.predict(x, batch_size=32)
    CHANGES[change](model, x, y)
    after = model.predict(x, batch_size=32)
    assert (after == by_hand(model, x)).all()
    assert (after != before).any()


def test_packed_once():
    """Numbers that change behind the lock's back are not seen, which shows that nothing is packed again."""
    x, _ = data(32)
    model = network()
    before = model.predict(x)
    memory = model._engine.parameters()
    assert not memory.lock.lent
    memory.store.params[...] *= 2  # biases are 0
    assert (model.predict(x) == before).all()
    with memory.lock:  # as whoever writes holds it
        pass
    assert (model.predict(x) == by_hand(model, x)).all()


def test_the_plan_says_so(monkeypatch):
    model = network()
    few, many = model._engine.builder([data()[0]]).predict(8), model._engine.builder().predict(32)
    assert [i.kernel for i in few.session.plan.instructions] == ["gemm", "gemm"]
    plan = many.session.plan
    assert [i.kernel for i in plan.instructions] == ["pack", "pack", "gemm", "gemm"]
    assert plan.n_packing == 2 and str(plan).count("pack ") >= 2 and "0.kernel" in str(plan)
    assert plan.packed_bytes < many.session.nbytes
    assert packing.panels_size(40, 70) * 4 + packing.panels_size(70, 36) * 4 <= plan.packed_bytes
    monkeypatch.setattr(packing, "FEWEST", 1 << 40)
    x, _ = data()
    plain = network()
    plain.load_state_dict(model.state_dict())
    assert (plain.predict(x, batch_size=32) == model.predict(x, batch_size=32)).all()
    assert plain._engine.parameters().lock.lent is False


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("bits", [32, 64])
def test_the_same_bits_from_panels(isa, bits):
    rng = np.random.default_rng(2)
    real = np.float32 if bits == 32 else np.float64
    for (m, n, k), lie in (((21, 70, 530), "rows"), ((7, 33, 40), "columns"), ((1, 40, 9), "rows")):
        a, b = (laid_out((1, 1, *s), w, real, rng) for s, w in (((m, k), "rows"), ((k, n), lie)))
        got = []
        for threads, packs in ((1, 0), (1, 1), (3, 1)):
            c = np.zeros((1, 1, m, n), real)
            multiply_packed(c, a, b, isa, bits, threads, packs)
            got.append(c)
        assert (got[1] == got[0]).all() and (got[2] == got[0]).all()


def multiply_packed(c, a, b, isa, bits, threads, packs):
    """A product, behind an instruction that packs if `packs`."""
    steps, offsets = zip(
        *[place(memory, view)[::-1] for memory, view in ((c, c), a, b)], strict=True
    )
    (m, n), k = c.shape[2:], a[1].shape[-1]
    panels = np.full(packing.panels_size(k, n) + 16, 7, c.dtype)
    buffers = [c.reshape(-1), a[0].reshape(-1), b[0].reshape(-1), panels[:-16]]
    refs = [(i, 0, at) for i, at in enumerate(offsets)]
    dims = [(int(d), 0) for d in (1, 1, m, n, k, *steps[0][:3], *steps[1], *steps[2])]
    product = ("gemm", refs, dims, [0, 0, 0, 0], [], None, (0, 0))
    plan = [product]
    if packs:
        sizes = [(int(d), 0) for d in (k, n, *steps[2][2:])]
        attrs = [packing.PANELS, 0, 0, 0]
        plan = [
            ("pack", [(3, 0, 0), refs[2]], sizes, [], [], None, (0, 0)),
            ("gemm", [*refs, (3, 0, 0)], dims, attrs, [], None, (0, 0)),
        ]
    made = _core.Plan(runtime.isa_number(isa), bits, plan, len(plan), None, n_packing=packs)
    runner = _core.Runner(made, 1, buffers, [], [], None, -1, None, True)
    scratch = np.zeros(threads * made.scratch + 64, np.uint8)
    scratch = scratch[-scratch.ctypes.data % 64 :]
    assert runner.run((), None, 1, 1, 0, 1, 0, 0, None, None, (), threads, scratch, 1.0) == (1, 0)
    assert (panels[-16:] == 7).all(), "wrote behind the panels"
