"""Loops in the plan: `ops.scan` beside the same steps written out, forward and backward."""

import numpy as np
import pytest
from harness import ISAS
from loops import (
    LOOPS,
    ROWS,
    WRITTEN,
    B,
    Weights,
    lifted,
    loss_of,
    lstm,
    many,
    positions,
    simple,
    unrolled,
)
from plan_checker import assert_valid

import gdcore as gd
from gdcore import ops
from gdcore.graph.differentiate import gradients
from gdcore.graph.ir import INT
from gdcore.graph.reuse import structure


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("loop", LOOPS)
def test_the_same_as_its_steps_written_out(loop, reverse):
    results = []
    for way, make in ((ops.scan, loop), (unrolled, WRITTEN.get(loop, loop))):
        g = Weights()
        body, carries, sequences = make(g)
        last, outputs = way(body, carries, lifted(sequences), reverse)
        values = many(last) + many(outputs)
        results.append(g.run(values + gradients(loss_of(values), g.real)))
    for a, b in zip(*results, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("loop", LOOPS)
def test_the_same_bits_on_any_number_of_threads(loop, isa):
    g = Weights()
    body, carries, sequences = loop(g)
    last, outputs = ops.scan(body, carries, lifted(sequences))
    values = many(last) + many(outputs)
    values += gradients(loss_of(values), g.real)
    one, two, three = (g.run(values, 32, isa, threads) for threads in (1, 2, 3))
    for a, b, c in zip(one, two, three, strict=True):
        assert a.tobytes() == b.tobytes() == c.tobytes()


def test_a_row_is_the_same_among_any_others():
    g = Weights()
    body, carries, sequences = lstm(g)
    _, (h, _) = ops.scan(body, carries, sequences)
    (every,) = g.run([h], 32)
    for rows in (1, 15, 16, 17, 20):
        (some,) = g.run([h], 32, rows=rows)
        assert some.tobytes() == every[:rows].tobytes()


def test_second_derivatives():
    results = []
    for way in (ops.scan, unrolled):
        g = Weights()
        body, carries, sequences = simple(g)
        _, outputs = way(body, carries, sequences)
        first = gradients(ops.sum(outputs * outputs), g.real)
        penalty = loss_of(first)
        results.append(g.run([penalty, *gradients(penalty, g.real)]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("reverse", [False, True])
def test_lengths(reverse):
    g = Weights()
    body, h, x = simple(g)
    lengths = g.ints(6)
    last, outputs = ops.scan(body, h, x, reverse, lengths)
    all_last, all_outputs = ops.scan(body, h, x, reverse)
    a, y, _, z = g.run([last, outputs, all_last, all_outputs])
    counts, start = g.fed[2][1], g.fed[0][1]
    for row, n in enumerate(counts):
        assert (y[row, n:] == 0).all()
        if not reverse:
            np.testing.assert_array_equal(y[row, :n], z[row, :n])
            np.testing.assert_array_equal(a[row], y[row, n - 1] if n else start[row])
        elif n == 5:
            np.testing.assert_array_equal(y[row], z[row])


def test_draws_are_new_at_each_step_and_the_same_on_any_number_of_threads():
    g = Weights()
    x = g.x(50, 3)

    def body(h, e):
        noise = ops.random_uniform(e.shape, stream=3)
        return h + noise * e, noise

    last, noise = ops.scan(body, ops.broadcast_to(0.0, (B, 3)), x)
    values = [last, noise, gradients(ops.sum(last), [x])[0]]
    one, two = (g.run(values, 32, threads=n) for n in (1, 2))
    assert [a.tobytes() for a in one] == [b.tobytes() for b in two]
    assert len(np.unique(one[1])) > 0.99 * one[1].size
    np.testing.assert_array_equal(one[2], one[1])
    np.testing.assert_allclose(one[0], (one[1] * np.float32(g.fed[0][1])).sum(1), rtol=1e-4)


def instructions(plan):
    return [(i.kernel, i.body and instructions(i.body)) for i in plan.instructions]


def planned(steps):
    g = Weights()
    u = g.w(4, 4)
    _, y = ops.scan(lambda h, x: (ops.tanh(x + h @ u),) * 2, g.x(4), g.x(steps, 4))
    return g, g.plan([ops.sum(y), *gradients(ops.sum(y * y), g.real)])


def test_plans_do_not_grow_with_the_steps():
    (_, few), (_, more) = planned(300), planned(3000)
    assert instructions(few) == instructions(more)
    loops = [i for i in more.instructions if i.kernel == "scan"]
    assert len(loops) == 2
    blocks = -(-ROWS // 16) * 64 * 40
    sequences = 6 * ROWS * 4 * 8  # what is kept, and gradients
    assert more.placement.arena_bytes < sequences * 3000 + blocks + 10_000


def test_a_weights_gradient_is_one_product_outside():
    _, plan = planned(9)
    outside = [i for i in plan.instructions if i.kernel == "gemm"]
    assert [i.writes[0].shape for i in outside] == [(4, 4)]
    for loop in (i for i in plan.instructions if i.kernel == "scan"):
        assert [i.kernel for i in loop.body.instructions].count("gemm") == 1


def test_products_of_elements_with_weights_are_one_product_of_all_steps():
    g = Weights()
    body, h, x = simple(g)
    last, _ = ops.scan(body, h, x)
    plan = g.plan([last, *gradients(ops.sum(last), g.real)])
    first, loop = plan.instructions[0], plan.instructions[1]
    assert (first.kernel, loop.kernel) == ("gemm", "scan")
    assert [i.kernel for i in loop.body.instructions].count("gemm") == 1


@pytest.mark.parametrize("loop", LOOPS)
def test_plans_and_their_bodies_are_valid(loop):
    g = Weights()
    body, carries, sequences = loop(g)
    last, outputs = ops.scan(body, carries, lifted(sequences))
    values = many(last) + many(outputs)
    assert_valid(g.plan(values + gradients(loss_of(values), g.real)))


@pytest.mark.parametrize("sequences", [False, True])
def test_an_lstm_takes_few_instructions_at_any_length(sequences):
    counts = []
    for steps in (1, 5, 700):
        layers = [gd.LSTM(8, return_sequences=True), gd.LSTM(8, return_sequences=sequences)]
        model = gd.Sequential([gd.Input((steps, 3)), *layers, gd.Dense(1)])
        model.compile("adam", "mse")
        x = np.zeros((4, steps, 3), np.float32)
        model.train_on_batch(x, np.zeros((4, *[steps] * sequences, 1), np.float32))
        counts.append(len(model.plan.instructions))
    assert max(counts) <= 40 and counts[1] == counts[2]


@pytest.mark.parametrize(("cell", "most"), [(gd.GRU, 31), (gd.LSTM, 29)])
def test_both_directions_with_lengths_take_few_instructions(cell, most):
    """A sum over all rows is written to its row of the gradient of both biases."""
    x, n = gd.Input((5, 3)), gd.Input((), name="n", dtype="int")
    y = gd.Dense(1)(gd.Bidirectional(cell(4))(x, lengths=n))
    model = gd.Model([x, n], y).compile("adam", "mse")
    model.train_on_batch(
        [np.zeros((4, 5, 3), np.float32), np.full(4, 3, np.int32)], np.zeros((4, 1), np.float32)
    )
    assert len(model.plan.instructions) <= most


def test_models_that_differ_in_numbers_share_a_plan():
    x, y = np.zeros((4, 5, 3), np.float32), np.zeros((4, 1), np.float32)
    keys = []
    for _ in range(2):
        model = gd.Sequential([gd.Input((5, 3)), gd.LSTM(4), gd.Dense(1)]).compile("adam", "mse")
        model.train_on_batch(x, y)
        outputs = model._engine.network().outputs
        keys.append(structure(outputs, [], {}, lambda _: None))
    assert keys[0] == keys[1]


def test_the_print_shows_the_body():
    _, plan = planned(9)
    text = str(plan)
    number = next(i for i, ins in enumerate(plan.instructions) if ins.kernel == "scan")
    assert f"{number}.0  matmul (gemm) → add·tanh" in text
    assert "scan of 9 steps" in text and "9 steps backwards" in text


def two(shape, steps=3):
    return Weights().x(*shape), Weights().x(steps, *shape)


def mistakes():
    h, x = two((2,))

    def keep(h, x):
        return h, x

    return {
        "no sequence": (lambda: ops.scan(keep, h, ()), "at least one sequence"),
        "two lengths": (lambda: ops.scan(lambda h, x: (h, None), h, (x, x[:, :2])), "one number"),
        "not a sequence": (lambda: ops.scan(keep, h, ops.sum(x, axis=(1, 2))), "batch, steps"),
        "another shape": (lambda: ops.scan(lambda h, x: (x[:, :1], x), h, x), "same shapes"),
        "a carry without rows": (lambda: ops.scan(lambda h, x: (h, x), 0.0, x), "broadcast_to"),
        "no outputs": (lambda: ops.scan(lambda h, x: h, h, x), "carries, outputs"),
        "over samples": (
            lambda: ops.scan(lambda h, x: (h - ops.mean(h, axis=0), x), h, x), "one by one"
        ),
        "softmax over samples": (
            lambda: ops.scan(lambda h, x: (ops.softmax(h, axis=0), x), h, x), "one by one"
        ),
        "samples by samples": (
            lambda: ops.scan(lambda h, x: (h, h @ ops.transpose(x)), h, x), "one by one"
        ),
        "lengths of more": (lambda: ops.scan(keep, h, x, lengths=h), "(batch,)"),
    }  # fmt: skip


@pytest.mark.parametrize("what", mistakes())
def test_mistakes_are_one_clear_line(what):
    call, match = mistakes()[what]
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    assert match in str(caught.value) and "\n" not in str(caught.value)


class Dropping(gd.Layer):
    """A cell with a layer inside that parts in training, within a loop within a loop."""

    def __init__(self, rate):
        self.drop = gd.Dropout(rate) if rate else None

    def forward(self, x):
        u = self.param("u", (3, 3), "orthogonal")

        def inner(h, e):
            h = ops.tanh(e + h @ u)
            return (h if self.drop is None else self.drop(h)), None

        def outer(h, e):
            return ops.scan(inner, h, e)[0], None

        return ops.scan(outer, ops.broadcast_to(0.0, (x.shape[0], 3)), x)[0]


def test_dropout_within_loops_is_there_in_training_alone():
    x = np.random.default_rng(0).normal(size=(64, 4, 5, 3)).astype(np.float32)
    y = np.zeros((64, 3), np.float32)
    with_it, without = (
        gd.Sequential([gd.Input((4, 5, 3)), Dropping(rate)]).compile("adam", "mse")
        for rate in (0.5, 0)
    )
    losses = []
    for model in (with_it, without):
        model.fit(x, y, epochs=1, batch_size=64, seed=0, verbose=0)  # draws the same weights
        losses.append(model.history["loss"][0] if hasattr(model, "history") else 0.0)
    without.load_state_dict(with_it.state_dict())
    assert with_it.predict(x).tobytes() == without.predict(x).tobytes()
    one, two = (with_it.gradients(x, y)["0.u"] for _ in range(2))
    assert one.tobytes() == two.tobytes()  # gradients are those of prediction
    before = {k: v.copy() for k, v in with_it.state_dict().items()}
    a, b = with_it.train_on_batch(x, y), without.train_on_batch(x, y)
    assert a != b and (with_it.state_dict()["0.u"] != before["0.u"]).any()


def test_a_state_is_not_updated_within_a_loop():
    class Counting(gd.Layer):
        def forward(self, x):
            seen = self.state("seen", (3,))
            step = lambda h, e: (h + ops.with_update(e, seen, seen + 1.0), None)  # noqa: E731
            return ops.scan(step, ops.broadcast_to(0.0, (x.shape[0], 3)), x)[0]

    with pytest.raises(ValueError, match="with_update in a scan's body: a state is set once"):
        Counting()(gd.Input((4, 3)))


def test_whole_numbers_are_carried_and_put_out():
    g = Weights()
    words, first = g.ints(9, 6), g.fed_with(np.arange(ROWS)[:, None] % 9, INT)
    _, (before, now) = ops.scan(lambda last, word: (word, (last, word)), first[:, 0], words)
    a, b = g.run([before * 1.0, now * 1.0])
    given, start = g.fed[0][1], g.fed[1][1]
    np.testing.assert_array_equal(b, given)
    np.testing.assert_array_equal(a, np.concatenate([start, given[:, :-1]], axis=1))


def test_the_number_of_samples_is_that_of_the_batch():
    g = Weights()
    x = g.x(4, 2)
    last, _ = ops.scan(lambda h, e: (h + e / ops.count(B), None), ops.broadcast_to(0.0, (B, 2)), x)
    (a,) = g.run([last])
    np.testing.assert_allclose(a, g.fed[0][1].sum(axis=1) / ROWS)


def test_an_update_takes_what_a_loop_left():
    class Remembering(gd.Layer):
        def forward(self, x):
            seen = self.state("seen", (3,))
            start = ops.broadcast_to(0.0, (x.shape[0], 3))
            last, every = ops.scan(lambda h, e: (h + e, h), start, x)
            return ops.with_update(every[:, 1], seen, seen + ops.sum(last, axis=0))

    model = gd.Sequential([gd.Input((4, 3)), Remembering(), gd.Dense(3)]).compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(20, 4, 3)).astype(np.float32)
    model.train_on_batch(x, x[:, 0])
    np.testing.assert_allclose(model.state_dict()["0.seen"], x.sum(axis=(0, 1)), rtol=1e-4)


def test_derivatives_as_ops_go_through_loops():
    """A penalty on a loop's gradient, in a layer: there in training and in prediction."""

    class Penalised(gd.Layer):
        def __init__(self, way):
            self.way, self.drop = way, gd.Dropout(0.5)

        def forward(self, x):
            u = self.param("u", (3, 3), "orthogonal")

            def step(h, e):
                h = ops.tanh(e + self.drop(h) @ u)
                return h, h

            h, _ = self.way(step, ops.broadcast_to(0.0, (x.shape[0], 3)), x)
            return ops.gradient(ops.sum(h * h), u) + h[:, :, None]

    x = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    models = [gd.Sequential([gd.Input((4, 3)), Penalised(way)]) for way in (ops.scan, unrolled)]
    models[0].compile("sgd", "mse").train_on_batch(x, np.zeros((5, 3, 3), np.float32))
    models[1].load_state_dict(models[0].state_dict())
    np.testing.assert_allclose(models[0].predict(x), models[1].predict(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_computed_again_is_the_same(loop, reverse):
    """`remat=True`: the same bits, and nothing but carries and sequences is kept."""
    results, kept = [], []
    for remat in (False, True):
        g = Weights()
        body, carries, sequences = loop(g)
        last, outputs = ops.scan(body, carries, lifted(sequences), reverse, remat=remat)
        values = many(last) + many(outputs)
        results.append(g.run(values + gradients(loss_of(values), g.real)))
        alone = g.plan([ops.sum(many(last)[0]), *gradients(ops.sum(many(last)[0]), g.real)])
        kept.append(alone.placement.arena_bytes)
        assert_valid(alone)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    if loop in (lstm, positions):  # those that keep more than their carries
        assert kept[1] < kept[0]


def test_second_derivatives_of_what_is_computed_again():
    results = []
    for remat in (False, True):
        g = Weights()
        body, carries, sequences = lstm(g)
        _, (outputs, _) = ops.scan(body, carries, sequences, remat=remat)
        first = gradients(ops.sum(outputs * outputs), g.real)
        penalty = loss_of(first)
        results.append(g.run([penalty, *gradients(penalty, g.real)]))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)
