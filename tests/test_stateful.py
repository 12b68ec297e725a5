"""Recurrent layers that carry their states from batch to batch, in training, prediction and files."""

import numpy as np
import pytest

import gdcore as gd

RNG = np.random.default_rng(0)
SIDE, STEPS, PIECES = 3, 4, 5  # sequences side by side, steps of a piece, pieces of a sequence
LONG = RNG.normal(size=(SIDE, STEPS * PIECES, 2))


class Cell(gd.Layer):
    """Two states, and an output that is neither."""

    state_size = (3, 2)

    def forward(self, x, a, b):
        w, u = self.param("w", (x.shape[-1], 3)), self.param("u", (3, 3))
        a = gd.ops.tanh(x @ w + a @ u)
        b = 0.5 * b + a[:, :2]
        return a * 2.0, (a, b)


KINDS = {
    "LSTM": lambda **how: gd.LSTM(3, **how),
    "GRU": lambda **how: gd.GRU(3, **how),
    "SimpleRNN": lambda **how: gd.SimpleRNN(3, **how),
    "RNN": lambda **how: gd.RNN(Cell(), **how),
}


def pieces(long=LONG):
    """Batch after batch, sample i of each going on with sample i of the one before: (PIECES · SIDE, STEPS, ...)."""
    cut = long.reshape(SIDE, PIECES, STEPS, *long.shape[2:])
    return cut.swapaxes(0, 1).reshape(PIECES * SIDE, STEPS, *long.shape[2:])


def model(kind, steps, dropout=0.0, **how):
    layers = [gd.Input((steps, 2)), KINDS[kind](return_sequences=True, **how), gd.Dropout(dropout)]
    made = gd.Sequential([*layers, gd.Dense(1)])
    return made.compile(gd.Adam(1e-2), "mse", dtype="float64")


def same_weights(a, b):
    known = b.state_dict()
    b.load_state_dict({k: v for k, v in a.state_dict().items() if k in known}, strict=False)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_are_the_whole(kind):
    """Predicted at once, in several calls, and evaluated."""
    one, many = model(kind, STEPS * PIECES), model(kind, STEPS, stateful=SIDE)
    whole = one.predict(LONG)
    many.predict(pieces()[:SIDE])
    same_weights(one, many)
    many.reset_states()
    np.testing.assert_allclose(many.predict(pieces()), pieces(whole), rtol=1e-12)
    assert (many.predict(pieces()[:SIDE]) != pieces(whole)[:SIDE]).any()  # it goes on
    many.reset_states()
    calls = [many.predict(pieces()[i : i + SIDE]) for i in range(0, SIDE * PIECES, SIDE)]
    np.testing.assert_allclose(np.concatenate(calls), pieces(whole), rtol=1e-12)
    y = RNG.normal(size=whole.shape)
    many.reset_states()
    assert many.evaluate(pieces(), pieces(y))["loss"] == pytest.approx(
        one.evaluate(LONG, y)["loss"], rel=1e-10
    )


def test_the_states_alone_carry_too():
    x = gd.Input((STEPS, 2))
    _, h, c = gd.LSTM(3, return_state=True, stateful=SIDE)(x)
    both = gd.Model(x, [h, c])
    first, second = (both.predict(pieces()[:SIDE]) for _ in range(2))
    assert all((a != b).any() for a, b in zip(first, second, strict=True))


def test_training_carries_and_each_epoch_begins_anew():
    """The loss without a change of weights is that of the whole; validation leaves the states alone."""
    one, many = model("LSTM", STEPS * PIECES), model("LSTM", STEPS, stateful=SIDE)
    y = RNG.normal(size=(SIDE, STEPS * PIECES, 1))
    want = one.evaluate(LONG, y)["loss"]
    many.predict(pieces()[:SIDE])
    same_weights(one, many)
    many.compile(gd.SGD(0.0), "mse", dtype="float64")
    data = pieces(), pieces(y)
    history = many.fit(*data, batch_size=SIDE, shuffle=False, epochs=2, validation_data=data)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(history[name], [want] * 2, rtol=1e-10)
    carried = many.layers[0].variables["carried_0"].data.copy()
    many.evaluate(*data)
    many.reset_states()
    assert carried.any() and not many.layers[0].variables["carried_0"].data.any()
    losses = [
        many.train_on_batch(data[0][i : i + SIDE], data[1][i : i + SIDE])
        for i in range(0, SIDE * PIECES, SIDE)
    ]
    assert np.mean(losses) == pytest.approx(want, rel=1e-10)


def test_saved_and_resumed(tmp_path):
    """The bits of a run that was not interrupted, and predictions that go on after loading."""
    data = pieces(), pieces(RNG.normal(size=(SIDE, STEPS * PIECES, 1)))
    how = {"batch_size": SIDE, "shuffle": False, "epochs": 3}

    class Stop(gd.Callback):
        def on_batch_end(self, batch, logs):
            if self.model.steps_done == PIECES + 3:
                raise KeyboardInterrupt

    whole, broken, again = (model("GRU", STEPS, 0.2, stateful=SIDE) for _ in "abc")
    whole.fit(*data, seed=1, **how)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(*data, seed=1, callbacks=[gd.Checkpoint(tmp_path, every_steps=2), Stop()], **how)
    again.fit(*data, seed=1, resume_from=tmp_path, **how)
    for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        assert a.tobytes() == b.tobytes()
    whole.save(tmp_path / "m.safetensors")
    loaded = gd.load(tmp_path / "m.safetensors")
    for _ in range(2):
        assert whole.predict(data[0][:SIDE]).tobytes() == loaded.predict(data[0][:SIDE]).tobytes()
    loaded.reset_states()
    whole.reset_states()
    assert whole.predict(data[0]).tobytes() == loaded.predict(data[0]).tobytes()


def test_rows_of_a_fixed_number_allow_no_other_batch():
    """Whatever graph has them: a batch of another size would be read beyond its memory."""
    from gdcore.graph.ops.carried import AS_ROWS
    from gdcore.graph.ops.leaves import apply

    x = gd.Input(2)
    rows = apply(AS_ROWS, gd.Embedding(4, 2).table(), shape=x.shape)
    made = gd.Model(x, x + rows)
    assert made.predict(np.zeros((8, 2))).shape == (8, 2)
    with pytest.raises(ValueError, match="a multiple of 4"):
        made.predict(np.zeros((300001, 2)))
    with pytest.raises(ValueError, match="expected a carry"):
        gd.ops.scan(lambda c, _: (c + apply(AS_ROWS, c, shape=c.shape), None), x, gd.Input((3, 2)))


def fitted(**how):
    made = model("LSTM", STEPS, stateful=SIDE)
    y = np.zeros((SIDE * PIECES, STEPS, 1))
    return made.fit(pieces(), y, **{"batch_size": SIDE, "shuffle": False, **how})


REFUSED = {
    "shuffled": (lambda: fitted(shuffle=True), "shuffled samples"),
    "another size": (lambda: fitted(batch_size=5), "batch_size=5"),
    "a rest": (lambda: model("GRU", STEPS, stateful=SIDE).predict(pieces()[:4]), "a multiple of 3"),
    "one batch": (
        lambda: model("GRU", STEPS, stateful=SIDE).train_on_batch(pieces()[:6], np.zeros((6, STEPS, 1))),
        "expected batches of 3",
    ),
    "True": (lambda: gd.LSTM(3, stateful=True), "how many sequences"),
    "backwards": (lambda: gd.LSTM(3, stateful=3, go_backwards=True), "go_backwards"),
    "both ways": (lambda: gd.Bidirectional(gd.LSTM(3, stateful=3)), "the way back"),
    "an initial state": (
        lambda: gd.GRU(3, stateful=3)(gd.Input((4, 2)), initial_state=gd.Input(3)), "an initial_state"
    ),
    "two sizes": (
        lambda: gd.Sequential(
            [gd.Input((4, 2)), gd.GRU(2, stateful=2, return_sequences=True), gd.GRU(2, stateful=3)]
        ).predict(np.zeros((6, 4, 2))),
        "one size of batches",
    ),
    "in each step": (
        lambda: gd.TimeDistributed(gd.GRU(2, stateful=2))(gd.Input((5, 4, 2))), "an input of shape"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_a_line(what):
    call, match = REFUSED[what]
    with pytest.raises(ValueError, match=match) as caught:
        call()
    assert "\n" not in str(caught.value)
