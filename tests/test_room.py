"""Sizes from outside meet what C has room for: any number works, or one line refuses it."""

import numpy as np
import pytest
from harness import ISAS, run_graph

import gdcore as gd
from gdcore.graph.ops.leaves import input_value

RNG = np.random.default_rng(0)
ONES = np.ones((4, 3), np.float32)
CLASSES = np.arange(4) % 2


# --- how many inputs and outputs, how many dimensions ---------------------------------------------


@pytest.mark.parametrize("count", [55, 56, 57, 64, 260, 600])
def test_outputs_without_number(count, tmp_path):
    x = gd.Input(3)
    model = gd.Model(x, [x * float(i) for i in range(count)])
    model.save(tmp_path / "model.safetensors")
    for m in (model, gd.load(tmp_path / "model.safetensors")):
        found = m.predict(ONES)
        assert len(found) == count
        assert [float(y[3, 2]) for y in found] == list(range(count))


@pytest.mark.parametrize("count", [2, 57, 260])
def test_outputs_without_number_are_trained(count):
    x = gd.Input(3)
    shared = gd.Dense(1, kernel_initializer="zeros")(x)
    model = gd.Model(x, [shared * 1.0 for _ in range(count)]).compile(
        gd.SGD(0.1), ["mse"] * count, metrics=["mae"]
    )
    targets = [np.full((4, 1), 1.0, np.float32)] * count
    loss = model.train_on_batch(ONES, targets)
    assert np.isclose(loss if isinstance(loss, float) else loss["loss"], count)
    model.fit(ONES, targets, epochs=1, verbose=0)
    assert np.isfinite(model.evaluate(ONES, targets)["loss"])


@pytest.mark.parametrize("count", [2, 55, 56, 60, 300])
def test_inputs_without_number(count):
    names = [f"i{k}" for k in range(count)]
    inputs = [gd.Input(1, name=n) for n in names]
    joined = gd.ops.concatenate(inputs)
    model = gd.Model(inputs, gd.Dense(1, kernel_initializer="ones")(joined)).compile("sgd", "mse")
    data = {n: np.full((4, 1), k, np.float32) for k, n in enumerate(names)}
    want = count * (count - 1) / 2
    assert model.predict(data).tolist() == [[want]] * 4
    for _ in range(2):  # the second goes the fast way
        assert np.isfinite(model.train_on_batch(data, np.full((4, 1), want)))
    (step,) = [s for key, s in model._engine.steps.items() if key[0] == "train"]
    assert f" in{count}+0" in str(step.session.plan)  # the targets come last


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("rank", [1, 2, 8, 9, 12, 16, 17, 18, 20])
def test_a_transpose_of_any_rank(rank, isa):
    shape = [2] * rank
    x = input_value(tuple(shape), "x")
    axes = [*range(rank)][::-1]
    y = gd.ops.transpose(x, axes)
    array = RNG.normal(size=shape).astype(np.float32)
    (found,) = run_graph([x], [array], [y], 32, isa)
    assert np.array_equal(found, array.transpose(axes))


@pytest.mark.parametrize("rank", [8, 9, 14, 18])
def test_a_strided_slice_of_any_rank(rank):
    x = input_value((3,) * 2 + (2,) * (rank - 2), "x")
    cuts = (
        slice(0, 3, 2),
        slice(1, 3),
        *[slice(i % 2, 1 + i % 2) if i % 3 else slice(None) for i in range(rank - 2)],
    )
    array = RNG.normal(size=x.shape).astype(np.float32)
    (found,) = run_graph([x], [array], [x[cuts]], 32)
    assert np.array_equal(found, array[cuts])


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("rank", [8, 9, 12, 16, 19])
def test_a_pass_broadcasts_over_any_rank(rank, bits):
    """Every other dimension is repeated, so that none can be walked as one."""
    shapes = [tuple(1 if i % 2 == k else 2 for i in range(rank)) for k in (0, 1)]
    a, b = (input_value(s, n) for s, n in zip(shapes, "ab", strict=True))
    arrays = [RNG.normal(size=s) for s in shapes]
    (found,) = run_graph([a, b], arrays, [gd.ops.tanh(a * b + a)], bits)
    want = np.tanh(arrays[0] * arrays[1] + arrays[0])
    np.testing.assert_allclose(found, want, rtol=2e-5, atol=1e-6)


def test_a_product_with_a_pass_of_many_dimensions():
    """The pass that rides on a product keeps its walk beside the product's packed blocks."""
    x = input_value((32, 64), "x")
    w = input_value((64, 64), "w")
    b = input_value((2, 1) * 5 + (2,), "b")
    y = gd.ops.reshape(x @ w, (2,) * 11) + b
    arrays = [RNG.normal(size=v.shape) for v in (x, w, b)]
    (found,) = run_graph([x, w, b], arrays, [gd.ops.relu(y)], 64)
    want = np.maximum((arrays[0] @ arrays[1]).reshape((2,) * 11) + arrays[2], 0)
    np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)


# --- arrays that are something else than when they were looked at ---------------------------------


def net(features=3):
    model = gd.Sequential([gd.Input(features), gd.Dense(2)])
    return model.compile("sgd", "cross_entropy")


def test_a_single_number_after_an_ordinary_call():
    model = net()
    for _ in range(3):
        model.train_on_batch(ONES, CLASSES)
        model.predict(ONES)
    before = model.get_weights()
    for x in (np.array(1.0), np.array(1.0, np.float32), np.float32(1)):
        with pytest.raises(ValueError, match="single number"):
            model.train_on_batch(x, CLASSES)
        with pytest.raises(ValueError, match="single number"):
            model.predict(x)
    for y in (np.array(1), np.array(1.0, np.float32)):
        with pytest.raises(ValueError, match="single number"):
            model.train_on_batch(ONES, y)
    with pytest.raises(ValueError, match="single number"):
        model.train_on_batch(ONES, CLASSES, sample_weight=np.array(1.0))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


class Between(gd.callbacks.Callback):
    """Calls something after each batch."""

    def __init__(self, work):
        self.work = work

    def on_batch_end(self, batch, logs=None):
        self.work()


def test_the_order_is_a_copy_of_what_a_shuffle_function_gave():
    x = RNG.normal(size=(64, 3)).astype(np.float32)
    y = np.arange(64) % 2
    mine = np.arange(64)

    def spoil():
        mine[:] = 1 << 60

    def given(epoch):
        mine[:] = np.arange(64)[:: -1 if epoch % 2 else 1]
        return mine

    def order(epoch):
        return np.arange(64)[:: -1 if epoch % 2 else 1]

    models = [net(), net()]
    for model, shuffle, work in zip(models, (given, order), (spoil, int), strict=True):
        model.fit(
            x,
            y,
            batch_size=8,
            epochs=3,
            seed=1,
            shuffle=shuffle,
            callbacks=[Between(work)],
            verbose=0,
        )
    for a, b in zip(*(m.get_weights() for m in models), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("part", ["indptr", "indices"])
@pytest.mark.parametrize("value", [1 << 30, -(1 << 30), -1])
def test_a_sparse_matrix_that_is_changed_does_no_harm(part, value):
    sparse = pytest.importorskip("scipy.sparse")
    x = sparse.random_array((64, 30), density=0.2, format="csr", random_state=0, dtype=np.float32)
    model = net(30)

    def spoil():
        getattr(x, part)[1:] = value

    model.fit(
        x, np.arange(64) % 2, batch_size=8, epochs=2, seed=1, callbacks=[Between(spoil)], verbose=0
    )
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("spoil", ["shape", "dtype"])
def test_an_array_that_takes_another_form_is_refused(spoil):
    x = RNG.normal(size=(64, 4)).astype(np.float32)
    model = net(4)

    def change():
        if spoil == "shape":
            x.shape = (4, 64)
        else:
            x.dtype = np.float64

    with pytest.raises(ValueError, match="leave arrays as they are"):
        model.fit(
            x,
            np.arange(64) % 2,
            batch_size=8,
            epochs=3,
            seed=1,
            shuffle=False,
            callbacks=[Between(change)],
            verbose=0,
        )
