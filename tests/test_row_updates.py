"""Rows of tables: bags, sparse rows times a kernel, and optimizers that update the rows that occur.

What is exact has the bits of an optimizer that updates every row in every step. What is lazy is held to float64
NumPy, and to torch's optimizers of sparse gradients.
"""

import numpy as np
import pytest
from sparse_rows import SPARSE, csr, linear

import gdcore as gd
from gdcore import _core, runtime
from gdcore.engine import thread_count
from gdcore.engine.engine import engine_of
from gdcore.engine.session import INPUTS
from gdcore.errors import NonFiniteError

RNG = np.random.default_rng(0)
WORDS, BAG, WIDTH, N = 60, 5, 9, 120
X = RNG.integers(0, WORDS // 2, (N, BAG)).astype(np.int32) * 2  # half of the rows never occur
Y = RNG.integers(0, 2, N)
SETTINGS = {"batch_size": 4, "epochs": 2, "seed": 3, "verbose": 0}


def words(optimizer, dtype="float32", width=WIDTH, **loss):
    layers = [gd.Input(BAG, dtype="int"), gd.EmbeddingBag(WORDS, width), gd.Dense(2)]
    return gd.Sequential(layers).compile(optimizer, "cross_entropy", dtype=dtype)


def trained(optimizer, **more):
    model = words(optimizer, **more)
    model.fit(X, Y, **SETTINGS)
    return model


def bits(model):
    return [w.tobytes() for w in model.get_weights()]


def kernels(model):
    return [i.kernel for i in engine_of(model).train_steps()[-1].session.plan.instructions]


# --- exact ---------------------------------------------------------------------------

OPTIMIZERS = {
    "sgd": lambda **s: gd.SGD(0.1, **s),
    "decay": lambda **s: gd.SGD(0.1, weight_decay=0.1, **s),
    "momentum": lambda **s: gd.SGD(0.1, momentum=0.9, weight_decay=0.1, coupled=True, **s),
    "nesterov": lambda **s: gd.SGD(0.1, momentum=0.9, nesterov=True, clip_value=0.01, **s),
    "adam": lambda **s: gd.Adam(0.01, **s),
    "adamw": lambda **s: gd.AdamW(0.01, groups=[{"match": "0.*", "lr": 0.05}], **s),
    "amsgrad": lambda **s: gd.AMSGrad(gd.schedules.Polynomial(0.01, decay_steps=60), **s),
    "nadam": lambda **s: gd.Nadam(0.01, **s),
    "adagrad": lambda **s: gd.Adagrad(0.1, initial_accumulator=0.1, **s),
    "rmsprop": lambda **s: gd.RMSprop(0.01, momentum=0.5, centered=True, **s),
    "adadelta": lambda **s: gd.Adadelta(**s),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_exact_updates_have_the_bits_of_dense_ones(name):
    make = OPTIMIZERS[name]
    model = trained(make(sparse="exact"))
    assert "update_rows" in kernels(model) and "scatter_add" not in kernels(model)
    assert bits(model) == bits(trained(make()))


@pytest.mark.parametrize("width", [1, 70])
def test_exact_updates_of_other_widths(width):
    got, want = (
        trained(gd.Adam(0.01, sparse=s), dtype="float64", width=width) for s in ("exact", None)
    )
    assert bits(got) == bits(want)


def test_more_steps_than_the_log_holds():
    """A row that occurs once, and then not for longer than the numbers of steps are kept."""
    x, y = np.tile(X[:4] // 8, (300, 1)), np.tile(Y[:4], 300)
    x[0] = WORDS - 1
    got, want = (
        words(gd.Adam(gd.schedules.Polynomial(0.01, decay_steps=1300), sparse=s))
        for s in ("exact", None)
    )
    for model in (got, want):
        model.fit(x, y, batch_size=1, epochs=1, seed=0, verbose=0, shuffle=False)
    assert got.steps_done == 1200
    assert bits(got) == bits(want)


def test_rows_are_caught_up_when_they_are_read():
    models = [words(gd.Adam(0.01, sparse=s)) for s in ("exact", None)]
    models[1].set_weights(models[0].get_weights())
    for i in range(0, 40, 4):
        for model in models:
            model.train_on_batch(X[i : i + 4], Y[i : i + 4])
        if i == 20:
            assert models[0].predict(X).tobytes() == models[1].predict(X).tobytes()
        if i == 28:
            assert bits(models[0]) == bits(models[1])
        if i == 32:
            assert models[0].evaluate(X, Y) == models[1].evaluate(X, Y)
    tables = [gd.Sequential([gd.Input(BAG, dtype="int"), m.layers[0]]) for m in models]
    assert tables[0].predict(X).tobytes() == tables[1].predict(X).tobytes()


def test_clipping_by_norm():
    got, want = (trained(gd.Adam(0.01, clip_norm=0.1, sparse=s)) for s in ("exact", None))
    for a, b in zip(got.get_weights(), want.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    lazy = gd.SGD(1.0, clip_norm=1e-3, sparse="lazy")
    model = words(lazy, dtype="float64")
    before = [w.copy() for w in model.get_weights()]
    model.train_on_batch(X[:4], Y[:4])
    moved = sum(np.square(a - b).sum() for a, b in zip(model.get_weights(), before, strict=True))
    assert np.sqrt(moved) == pytest.approx(1e-3, rel=1e-3)


def test_dense_steps_in_between():
    """The same kernel gets its gradient by rows from sparse rows, and as a whole from dense ones."""
    got, want = linear(gd.Adam(0.01, sparse="exact")), linear(gd.Adam(0.01))
    want.set_weights(got.get_weights())
    for i in range(0, 48, 8):
        rows = slice(i, i + 8)
        got.train_on_batch(csr(SPARSE[rows]) if i % 16 else SPARSE[rows], Y[rows])
        want.train_on_batch(SPARSE[rows], Y[rows])
    for a, b in zip(got.get_weights(), want.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_a_table_of_several_layers():
    """Rows that come from ids, from bags of them, and from bags with weights that are learned."""

    def model(optimizer):
        ids, more = gd.Input(3, dtype="int"), gd.Input((2, 3), dtype="int")
        table = gd.Embedding(12, 6)
        weights = gd.ops.tanh(gd.ops.reshape(gd.Dense(3)(table(ids)[:, 0, :]), (-1, 3)))
        rows = gd.ops.sum(table(ids) * gd.ops.expand_dims(weights, -1), 1)
        flat = gd.ops.reshape(gd.ops.mean(table(more), -2), (-1, 12))
        joined = gd.Concatenate()([rows, flat, gd.Flatten()(table(ids))])
        return gd.Model([ids, more], gd.Dense(2)(joined)).compile(
            optimizer, "cross_entropy", dtype="float64"
        )

    x = [RNG.integers(0, 12, (N, 3)), RNG.integers(0, 12, (N, 2, 3))]
    got, want = model(gd.Adam(0.01, sparse="exact")), model(gd.Adam(0.01))
    for m in (got, want):
        m.fit(x, Y, **SETTINGS)
    assert "update_rows" in kernels(got)
    for a, b in zip(got.get_weights(), want.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


# --- lazy ----------------------------------------------------------------------------


def test_lazy_adam_is_adam_of_the_rows_that_occur():
    """In float64 NumPy, with the decay of the rows that occur; the others keep their bits."""
    model = words(gd.Adam(0.05, weight_decay=0.1, sparse="lazy"), dtype="float64")
    table = model.get_weights()[0].copy()
    m, v = np.zeros_like(table), np.zeros_like(table)
    for t, i in enumerate(range(0, 40, 4), 1):
        x, y = X[i : i + 4], Y[i : i + 4]
        _, kernel, bias = model.get_weights()
        logits = table[x].mean(1) @ kernel + bias
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        d = (p - np.eye(2)[y]) / 4 @ kernel.T / BAG
        g = np.zeros_like(table)
        np.add.at(g, x.ravel(), np.repeat(d, BAG, 0))
        rows = np.unique(x)
        m[rows] = 0.9 * m[rows] + 0.1 * g[rows]
        v[rows] = 0.999 * v[rows] + 0.001 * np.square(g[rows])
        step = m[rows] / (1 - 0.9**t) / (np.sqrt(v[rows] / (1 - 0.999**t)) + 1e-8)
        untouched = np.setdiff1d(np.arange(WORDS), rows)
        before = model.get_weights()[0].copy()
        model.train_on_batch(x, y)
        after = model.get_weights()[0]
        assert before[untouched].tobytes() == after[untouched].tobytes()
        table[rows] = table[rows] * (1 - 0.05 * 0.1) - 0.05 * step
        np.testing.assert_allclose(after, table, rtol=1e-9, atol=1e-12)


@pytest.mark.slow  # torch's optimizers import its compiler first
@pytest.mark.filterwarnings("ignore:Sparse invariant")
@pytest.mark.parametrize("name", ["SparseAdam", "Adagrad", "SGD"])
def test_torch_has_the_same_numbers(name):
    torch = pytest.importorskip("torch")
    ours = {"SparseAdam": gd.Adam, "Adagrad": gd.Adagrad, "SGD": gd.SGD}[name]
    small = {"epsilon": 1e-20} if name == "SparseAdam" else {}  # torch adds it elsewhere
    model = words(ours(0.05, sparse="lazy", **small), dtype="float64")
    table, kernel, bias = model.get_weights()
    bag = torch.nn.EmbeddingBag.from_pretrained(
        torch.tensor(table.copy()), freeze=False, mode="mean", sparse=True
    )
    head = torch.nn.Linear(WIDTH, 2, dtype=torch.float64)
    with torch.no_grad():
        head.weight.copy_(torch.tensor(kernel.T.copy()))
        head.bias.copy_(torch.tensor(bias.copy()))
    rest = {"SparseAdam": torch.optim.Adam}.get(name, getattr(torch.optim, name))
    theirs = [
        getattr(torch.optim, name)(bag.parameters(), lr=0.05, **({"eps": 1e-20} if small else {})),
        rest(head.parameters(), lr=0.05, **({"eps": 1e-20} if small else {})),
    ]
    for i in range(0, 60, 4):
        for o in theirs:
            o.zero_grad()
        out = head(bag(torch.tensor(X[i : i + 4].astype(np.int64))))
        torch.nn.functional.cross_entropy(out, torch.tensor(Y[i : i + 4])).backward()
        for o in theirs:
            o.step()
        model.train_on_batch(X[i : i + 4], Y[i : i + 4])
    np.testing.assert_allclose(model.get_weights()[0], bag.weight.detach().numpy(), atol=1e-7)


# --- what holds for all --------------------------------------------------------------


@pytest.mark.parametrize("sparse", ["exact", "lazy"])
def test_the_same_bits_on_any_number_of_threads(sparse, monkeypatch):
    monkeypatch.setattr(thread_count, "MIN_WORK", 0)
    found = set()
    for threads in (1, 2, 3):
        gd.set_num_threads(threads)
        model = linear(gd.Adam(0.01, clip_norm=1.0, sparse=sparse))
        model.fit(csr(SPARSE), Y, **SETTINGS | {"batch_size": 20})
        found.add(tuple(bits(model)))
    assert len(found) == 1


@pytest.mark.parametrize("sparse", ["exact", "lazy"])
def test_a_resumed_run_has_the_same_bits(sparse, tmp_path):
    settings = SETTINGS | {"epochs": 3}
    whole = words(gd.Adam(0.01, sparse=sparse))
    whole.fit(X, Y, **settings)

    class Cut(gd.Callback):
        def on_batch_end(self, batch, logs):
            if self.model.steps_done == 37:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        words(gd.Adam(0.01, sparse=sparse)).fit(
            X, Y, **settings, callbacks=[gd.Checkpoint(tmp_path, every_steps=5), Cut()]
        )
    again = words(gd.Adam(0.01, sparse=sparse))
    again.fit(X, Y, **settings, resume_from=tmp_path)
    assert again.steps_done == whole.steps_done
    assert bits(again) == bits(whole)


def test_a_model_that_is_saved_goes_on(tmp_path):
    model = trained(gd.Adam(0.01, sparse="exact"))
    model.save(tmp_path / "m.safetensors")
    loaded = gd.load(tmp_path / "m.safetensors")
    assert engine_of(loaded).optimizer.sparse == "exact"
    for m in (model, loaded):
        m.fit(X, Y, **SETTINGS)
    assert bits(model) == bits(loaded)


@pytest.mark.parametrize("sparse", ["exact", "lazy"])
def test_a_step_that_is_not_finite_changes_nothing(sparse):
    layers = [gd.Input(BAG, dtype="int"), gd.EmbeddingBag(WORDS, WIDTH), gd.Dense(1)]
    model = gd.Sequential(layers).compile(gd.Adam(0.01, sparse=sparse), "mse")
    model.fit(X, Y, **SETTINGS)
    before = bits(model)
    slots = {
        p: engine_of(model).bound.slot(p, "m").copy() for p in engine_of(model).bound.trainable()
    }
    with pytest.raises(NonFiniteError):
        model.train_on_batch(X[:4], np.full(4, 3e38, "f4"))
    assert bits(model) == before
    for p, slot in slots.items():
        assert (engine_of(model).bound.slot(p, "m") == slot).all()


def test_whole_gradients_are_refused_to_a_callback():
    class See(gd.Callback):
        def on_gradients(self, gradients):
            pass

    with pytest.raises(ValueError, match=r"sparse='lazy'.*'0\.table'.*give sparse=None") as caught:
        words(gd.Adam(sparse="lazy")).fit(X, Y, **SETTINGS, callbacks=[See()])
    assert "\n" not in str(caught.value)


def test_an_update_of_whole_vectors_is_refused():
    class Normed(gd.SGD):
        def update(self, p, g, slots, n):
            return p - n["lr"] * g / gd.ops.sqrt(gd.ops.sum(g * g)), {}

    with pytest.raises(ValueError, match=r"Normed\(sparse='exact'\).*elementwise"):
        words(Normed(sparse="exact")).fit(X, Y, **SETTINGS)


def test_bad_settings():
    with pytest.raises(ValueError, match="sparse='rows': expected None, 'exact' or 'lazy'"):
        gd.Adam(sparse="rows")
    for settings, match in (
        ({"mode": "min"}, "mode='min': expected one of sum, mean, max"),
        ({"padding_index": 9}, "padding_index=9: expected None or an id from 0 to 8"),
    ):
        with pytest.raises(ValueError, match=match):
            gd.EmbeddingBag(9, 2, **settings)
    ids, weights = gd.Input(4, dtype="int"), gd.Input(4)
    with pytest.raises(ValueError, match="expected mode='sum' and a weight for each id"):
        gd.EmbeddingBag(9, 2)(ids, weights)


# --- instructions that cannot be -----------------------------------------------------


def changed(model, kernel, part, at, value):
    """The plan of a model's last training step with one number of an instruction changed, bound to its memory."""
    session = engine_of(model).train_steps()[-1].session
    encoded = [list(i.encoded()) for i in session.plan.instructions]
    (found,) = [i for i in encoded if i[0] == kernel][-1:]
    found[part] = [*found[part][:at], value, *found[part][at + 1 :]]
    plan = _core.Plan(runtime.ISA, 32, encoded, session.plan.n_compute, None)
    buffers = [np.zeros(1 << 16, np.uint8) for _ in range(INPUTS)]
    stages = enumerate(session._stages())
    feeds = [(INPUTS + i, t, row, room, p) for i, (_, t, row, room, p) in stages]
    _core.Runner(
        plan, session.plan.batch, buffers + [None] * len(feeds), feeds, [], None, -1, None, False
    )


@pytest.mark.parametrize(("part", "at", "value", "match"), [
    (1, 0, (1, 0, 1 << 20), "reaches beyond"),  # parameters
    (1, 2, (3, 0, (1 << 16) - 64), "reaches beyond"),  # a slot
    (1, 6, (0, 0, 0), "type"),  # groups
    (1, 9, (8, 1, (1 << 16) - 4), "reaches beyond"),  # the last steps
    (2, 0, (1 << 20, 0), "reaches beyond"),
    (2, 1, (0, 0), "cannot be"),
    (2, 2, (0, 1 << 40), "reaches beyond"),
    (3, 0, 3, "neither gradients nor a log"),
    (3, 2, 16, "no room"),
    (3, 2, 1, "another number"),
    (3, 3, 257, "no room"),
    (3, 3, 1, "body"),
    (3, 4, 0, "body"),
    (3, 5, 1, "no size"),
    (3, 5, 513, "no size"),
    (3, 6, 4, "body"),
    (3, 8, -1, "cannot be"),
])  # fmt: skip
def test_updates_of_rows_are_checked(part, at, value, match):
    model = trained(gd.Adam(0.01, sparse="exact"))
    changed(model, "update_rows", 2, 0, (WORDS, 0))
    with pytest.raises(ValueError, match=match):
        changed(model, "update_rows", part, at, value)
