"""Values with strides: what is read and written where it lies, and the copies that plans show."""

import numpy as np
import pytest
from plan_checker import assert_valid

import gdcore as gd
from gdcore.engine.session import CONSTANTS
from gdcore.graph.differentiate import gradients
from gdcore.graph.ir import OPS, Value
from gdcore.graph.layout import Layout, Strided, reshaped
from gdcore.graph.ops.leaves import PARAM, apply, input_value
from gdcore.graph.plan import PlanError, check, make_plan
from gdcore.graph.program import Place

ROWS = np.random.default_rng(0).normal(size=(9, 6, 4)).astype(np.float32)


def predicted(function, rows=ROWS, copies=0, instructions=None, threads=2):
    """What a function of one input computes, its plan being valid and holding so many copies."""
    x = gd.Input(rows.shape[1:])
    model = gd.Model(x, function(x))
    plan = model._engine.builder().predict(len(rows)).session.plan
    assert_valid(plan)
    kernels = [i.kernel for i in plan.instructions]
    assert kernels.count("copy") == copies and "fill" not in kernels, str(plan)
    assert instructions is None or len(kernels) == instructions, str(plan)
    return model.predict(rows)


def turned(x):
    return gd.ops.transpose(x, (0, 2, 1))


def test_slices_and_transposes_are_read_where_they_lie():
    got = predicted(lambda x: gd.ops.exp(x[:, 1::2] * 2.0), instructions=1)
    np.testing.assert_allclose(got, np.exp(ROWS[:, 1::2] * 2), rtol=1e-6)
    got = predicted(lambda x: turned(x) + turned(x)[:, :, ::1], instructions=1)
    np.testing.assert_allclose(got, 2 * ROWS.transpose(0, 2, 1), rtol=1e-6)
    got = predicted(lambda x: x[:, :, 0] * x[:, :, -1] - x[:, 2, :1], instructions=1)
    np.testing.assert_allclose(got, ROWS[:, :, 0] * ROWS[:, :, -1] - ROWS[:, 2, :1], rtol=1e-6)
    got = predicted(lambda x: gd.ops.matmul(x[:, :, 1:], turned(x)[:, 1:]), instructions=1)
    np.testing.assert_allclose(got, ROWS[:, :, 1:] @ ROWS.transpose(0, 2, 1)[:, 1:], atol=1e-5)


def test_a_view_of_a_product_does_not_ride_on_it_in_another_order():
    def function(x):
        y = gd.ops.matmul(x, turned(x))
        return gd.ops.tanh(turned(y) * np.arange(6.0) + y)

    y = ROWS @ ROWS.transpose(0, 2, 1)
    want = np.tanh(y.transpose(0, 2, 1) * np.arange(6.0) + y)
    np.testing.assert_allclose(predicted(function), want, atol=1e-5)


def test_a_transpose_between_passes_is_no_pass_over_itself():
    """A pass never reads its own results in another order, nor writes over what it still reads."""

    def function(x):
        y = gd.ops.exp(x)
        square = gd.ops.reshape(y, (x.shape[0], 2, 2, 6))
        other = gd.ops.transpose(square, (0, 2, 1, 3))
        return square * 2.0 - gd.ops.tanh(other)

    square = np.exp(ROWS).reshape(9, 2, 2, 6)
    want = square * 2 - np.tanh(square.transpose(0, 2, 1, 3))
    np.testing.assert_allclose(predicted(function), want, atol=1e-5)


def pooled(x):
    """The maxima of windows of two steps, by a kernel that walks no strides."""
    return gd.ops.max_pool(x, 2)


def test_a_kernel_that_walks_no_strides_gets_a_copy_that_is_shown():
    got = predicted(lambda x: pooled(turned(x)), copies=1, instructions=2)
    np.testing.assert_allclose(got, ROWS.transpose(0, 2, 1).reshape(9, 2, 2, 6).max(2), rtol=1e-5)
    x = input_value((1, 3, 5), "x")
    y = pooled(gd.ops.transpose(x, (0, 2, 1)))
    plan = make_plan([y], [], {}, {x: Place(9, 0)}.get, 1, 32, CONSTANTS)
    assert "copy" in str(plan) and "[1×5×3 by 15,1,5]" in str(plan)


def test_what_declares_nothing_gets_what_lies_dense():
    """Readers of a view share one copy, those that could walk it too; a slice of whole rows needs none."""
    reads = [op for op in OPS.values() if op.kind == "kernel" and op.walks is not None]
    assert {"matmul", "copy", "sum"} <= {op.name for op in reads} and len(reads) < 12

    def two(x):
        return pooled(turned(x)) + gd.ops.avg_pool(turned(x), 2)

    predicted(two, copies=1)
    got = predicted(lambda x: pooled(turned(x))[:, 0] + gd.ops.sum(turned(x), axis=1), copies=1)
    rows = ROWS.transpose(0, 2, 1)
    np.testing.assert_allclose(got, rows[:, :2].max(1) + rows.sum(1), rtol=1e-5)
    table = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    got = predicted(lambda x: gd.ops.max(gd.ops.exp(table)[2:5], axis=1) + x[:, :3, 0])
    np.testing.assert_allclose(got, np.exp(table)[2:5].max(1) + ROWS[:, :3, 0], rtol=1e-6)


def test_parts_are_written_to_their_places():
    w = np.random.default_rng(2).normal(size=(4, 3)).astype(np.float32)

    def function(x):
        a, b = gd.ops.tanh(x), gd.ops.matmul(x, w)
        return gd.ops.max(gd.ops.concatenate([a, b, gd.ops.relu(b)]), axis=2)

    b = ROWS @ w
    want = np.concatenate([np.tanh(ROWS), b, np.maximum(b, 0)], 2).max(2)
    np.testing.assert_allclose(predicted(function), want, atol=1e-5)


def test_a_result_is_dense_under_whatever_shape():
    """What is wanted lies row by row, though it is a part of another value, too."""
    x = gd.Input((6, 4))
    h = gd.ops.exp(x)
    joined = gd.ops.max(gd.ops.concatenate([h, gd.ops.tanh(x)]), axis=2)
    model = gd.Model(x, [gd.ops.expand_dims(h, 2), joined, turned(h)])
    flat, most, other = model.predict(ROWS)
    np.testing.assert_allclose(flat, np.exp(ROWS)[:, :, None], rtol=1e-6)
    np.testing.assert_allclose(most, np.maximum(np.exp(ROWS), np.tanh(ROWS)).max(2), rtol=1e-6)
    np.testing.assert_allclose(other, np.exp(ROWS).transpose(0, 2, 1), rtol=1e-6)


def test_stacks_of_stacks_and_of_views():
    """A part that is a view of what lies elsewhere, or that stands twice, is copied."""

    def function(x):
        a, b = gd.ops.exp(x), gd.ops.exp(-x)
        pairs = gd.ops.stack([a, b], axis=1)
        both = gd.ops.stack([pairs, pairs], axis=1)
        return gd.ops.logsumexp(both, axis=-1)

    pairs = np.stack([np.exp(ROWS), np.exp(-ROWS)], 1)
    want = np.log(np.exp(np.stack([pairs, pairs], 1)).sum(-1))
    np.testing.assert_allclose(predicted(function, copies=1), want, rtol=1e-5)


def test_heads_are_merged_where_they_are_computed():
    def function(x):
        heads = gd.ops.reshape(gd.ops.exp(x), (x.shape[0], 6, 2, 2))
        heads = gd.ops.transpose(heads, (0, 2, 1, 3))
        scores = gd.ops.matmul(heads, gd.ops.transpose(heads, (0, 1, 3, 2)))
        merged = gd.ops.transpose(gd.ops.matmul(scores, heads), (0, 2, 1, 3))
        return gd.ops.max(gd.ops.reshape(merged, x.shape), axis=2)

    heads = np.exp(ROWS).reshape(9, 6, 2, 2).transpose(0, 2, 1, 3)
    y = (heads @ heads.transpose(0, 1, 3, 2) @ heads).transpose(0, 2, 1, 3).reshape(9, 6, 4)
    np.testing.assert_allclose(predicted(function, instructions=4), y.max(2), rtol=1e-5)


def test_reductions_are_written_to_their_place_among_others():
    folds = (gd.ops.sum, gd.ops.mean, gd.ops.max, gd.ops.logsumexp)
    w = Value(PARAM, (), {"shape": (4, 6)}, (4, 6), name="w")
    y = gd.ops.concatenate([f(gd.ops.exp(w), axis=1) for f in folds], axis=0)
    plan = make_plan([y], [], {y: Place(3, 0)}, {w: Place(1, 0)}.get, 1, 32, CONSTANTS)
    assert_valid(plan)
    assert [i.refs[0] for i in plan.instructions[1:]] == [(3, 0, 16 * i) for i in range(4)]


def of_heads(x, w):
    heads = gd.ops.transpose(gd.ops.reshape(x, (x.shape[0], 6, 2, 2)), (0, 2, 1, 3))
    return gd.ops.matmul(gd.ops.matmul(heads, w), gd.ops.transpose(heads, (0, 1, 3, 2)))


def test_a_matrix_for_all_heads_takes_their_rows_where_they_lie():
    w = np.random.default_rng(1).normal(size=(2, 2)).astype(np.float32)
    heads = ROWS.reshape(9, 6, 2, 2).transpose(0, 2, 1, 3)
    got = predicted(lambda x: of_heads(x, w), instructions=2)
    np.testing.assert_allclose(got, heads @ w @ heads.swapaxes(2, 3), rtol=1e-4, atol=1e-5)


# --- gradients ---------------------------------------------------------------------


def of_weights(function, shape, batch=1):
    """The plan of a function's gradient by a weight, which is pinned."""
    w = Value(PARAM, (), {"shape": shape}, shape, name="w")
    (dw,) = gradients(function(w), [w])
    plan = make_plan(
        [dw], [], {dw: Place(3, 0)}, {w: Place(1, 0)}.get, batch, 32, CONSTANTS, {0: "arena"}
    )
    assert_valid(plan)
    return plan


def kernels(plan):
    return [i.kernel for i in plan.instructions]


def test_a_slice_gradient_writes_its_slice():
    """Zeros are written beside it alone, and nothing is copied."""
    plan = of_weights(lambda w: gd.ops.sum(gd.ops.exp(w[2:5, 1:])), (8, 4))
    assert kernels(plan) == ["map", "copy", "copy", "copy"]
    assert [len(i.reads) for i in plan.instructions[1:]] == [0, 0, 0]
    (write,) = plan.instructions[0].writes
    layout = plan.placement.layouts.of(write)
    assert layout.at == Strided((2 * 4 + 1, 0), (4, 1)) and layout.owner in plan.values.values()


@pytest.mark.parametrize("step", [1, 2])
def test_slices_that_tile_a_value_need_no_zeros(step):
    def function(w):
        parts = [w[i::2] for i in range(2)] if step == 2 else [w[:3], w[3:4], w[4:]]
        return sum(gd.ops.sum(gd.ops.exp(p * float(i + 1))) for i, p in enumerate(parts))

    plan = of_weights(function, (8, 4))
    assert set(kernels(plan)) == {"map"}


def test_the_gradient_of_a_matrix_for_all_heads_copies_no_head():
    x = input_value((9, 6, 4), "x")
    w = Value(PARAM, (), {"shape": (2, 2)}, (2, 2), name="w")
    (dw,) = gradients(gd.ops.sum(gd.ops.exp(of_heads(x, w))), [w])
    places = {w: Place(1, 0), x: Place(2, 0)}.get
    plan = make_plan([dw], [], {dw: Place(3, 0)}, places, 1, 32, CONSTANTS, {0: "arena"})
    assert_valid(plan)
    assert kernels(plan) == ["gemm"] * 4


def test_a_slice_gradient_is_added_to_its_slice():
    """Where all of a value has a gradient, that of a slice is added to it in place: by its product, here."""
    x, y = input_value((3, 5), "x"), input_value((3, 4), "y")
    w = Value(PARAM, (), {"shape": (8, 4)}, (8, 4), name="w")
    z = gd.ops.sum(gd.ops.exp(w)) + gd.ops.sum(y * gd.ops.matmul(x, w[2:7])) + gd.ops.sum(w[1:, 3])
    (dw,) = gradients(z, [w])
    places = {w: Place(1, 0), x: Place(2, 0), y: Place(4, 0)}.get
    plan = make_plan([dw], [], {dw: Place(3, 0)}, places, 1, 32, CONSTANTS)
    assert_valid(plan)
    (product,) = (i for i in plan.instructions if i.kernel == "gemm")
    assert kernels(plan).count("map") == 3 and product.attrs[2] == 1
    assert [i.refs[0] for i in plan.instructions] == [(3, 0, 0), (3, 0, 28), (0, 0, 0), (3, 0, 32)]


def test_a_part_that_others_read_is_not_written_over():
    """Zeros that stand in two values: in one of them, something is added to them in place."""
    x, u = input_value((5, 7), "x"), input_value((5, 3), "u")
    cuts = (((0, None, 1), (2, 5, 1)),)
    zeros = gd.ops.broadcast_to(0.0, (5, 3))
    one = apply(OPS["overlay"], gd.ops.exp(x), zeros, cuts=cuts) + apply(
        OPS["embed"], u, cuts=cuts[0], shape=(5, 7)
    )
    two = apply(OPS["overlay"], x, zeros, cuts=cuts)
    plan = make_plan([one, two], [], {}, {x: Place(9, 0), u: Place(10, 0)}.get, 1, 32, CONSTANTS)
    assert_valid(plan)
    y = gd.ops.exp(x)  # of which a slice is made of another
    first, second = (((0, None, 1), (0, 3, 1)), ((0, None, 1), (3, 6, 1)))
    parts = [y[:, :3] + y[:, 3:6], y[:, 3:6] * y[:, :3]]
    three = apply(OPS["overlay"], y, *parts, cuts=(first, second))
    assert_valid(make_plan([three], [], {}, {x: Place(9, 0)}.get, 1, 32, CONSTANTS))


def windows(w):
    """Slices that overlap, that stand twice, with steps, and all of it."""
    parts = sum(gd.ops.exp(w[i : i + 3]) * float(i + 1) for i in range(4))
    cut = w[::2, 1:2] * w[1:4, 2:3] * w[:3, 3:] + w[2:5, :1] * 2.0
    return parts, gd.ops.sum(cut) + gd.ops.sum(w)


def test_slices_that_overlap_are_added_up():
    """Beside differences, in float64."""

    class Windows(gd.Layer):
        def forward(self, x):
            parts, more = windows(self.param("w", (6, 4), "normal"))
            return gd.ops.sum(x[:, :3] * parts, axis=(1, 2))[:, None] + more

    of_weights(lambda w: sum(map(gd.ops.sum, windows(w))), (6, 4))
    x = gd.Input((6, 4))
    model = gd.Model(x, Windows()(x)).compile("sgd", "mse", dtype="float64")
    rows, y = ROWS.astype(float) * 0.1, np.zeros((9, 1))
    (name, got), *_ = model.gradients(rows, y).items()
    start = model.state_dict()
    for i in np.ndindex(6, 4):
        losses = []
        for step in (1e-5, -1e-5):
            moved = {k: np.array(v) for k, v in start.items()}
            moved[name][i] += step
            model.load_state_dict(moved)
            losses.append(model.evaluate(rows, y)["loss"])
        np.testing.assert_allclose(got[i], (losses[0] - losses[1]) / 2e-5, rtol=1e-4, atol=1e-6)


def test_a_weight_used_many_times_accumulates():
    """Its products add to its gradient where that lies."""
    x = input_value((5, 4), "x")

    def function(w):
        h = x
        for _ in range(4):
            h = gd.ops.tanh(gd.ops.matmul(h, w))
        return gd.ops.sum(h)

    w = Value(PARAM, (), {"shape": (4, 4)}, (4, 4), name="w")
    (dw,) = gradients(function(w), [w])
    places = {w: Place(1, 0), x: Place(2, 0)}.get
    plan = make_plan([dw], [], {dw: Place(3, 64)}, places, 1, 32, CONSTANTS)
    assert_valid(plan)
    into = [i for i in plan.instructions if i.refs[0] == (3, 0, 64)]
    assert [i.kernel for i in into] == ["gemm"] * 4 == [i.kernel for i in into if i.then is None]
    assert [i.attrs[2] for i in into] == [0, 1, 1, 1]


# --- memory ------------------------------------------------------------------------


def test_a_state_that_is_shifted_within_itself():
    """What is written over a leaf never runs into what is still read of it."""

    class Buffer(gd.Layer):
        def forward(self, x):
            held = self.state("held", (4, 3))
            moved = gd.ops.concatenate([held[1:] * 1.0, gd.ops.mean(x, axis=0)[None]], axis=0)
            back = gd.ops.transpose(gd.ops.reshape(held, (2, 2, 3)), (1, 0, 2))
            self.other = gd.ops.reshape(back, (4, 3))
            return gd.ops.with_update(
                gd.Dense(1)(x) + gd.ops.sum(held), held, moved + 0.0 * self.other
            )

    x = gd.Input(3)
    model = gd.Model(x, Buffer()(x)).compile("sgd", "mse")
    rows = np.arange(18, dtype=np.float32).reshape(6, 3)
    for i in range(3):
        model.train_on_batch(rows[2 * i : 2 * i + 2], np.zeros((2, 1), np.float32))
    held = next(v for k, v in model.state_dict().items() if k.endswith("held"))
    want = np.vstack([np.zeros((1, 3)), rows.reshape(3, 2, 3).mean(1)])
    np.testing.assert_allclose(held, want)


def joined_plan():
    x = input_value((5, 4), "x")
    a, b = gd.ops.exp(x), gd.ops.tanh(gd.ops.matmul(x, np.eye(4)))
    y = gd.ops.max(gd.ops.concatenate([a, b], axis=1), axis=1)
    return make_plan([y], [], {}, {x: Place(9, 0)}.get, 1, 32, CONSTANTS)


def test_both_checks_see_a_part_that_is_not_there():
    plan = joined_plan()
    check(plan)
    assert_valid(plan)
    gone = [i for i in plan.instructions if not any(v.op.name == "exp" for v in i.writes)]
    assert len(gone) == len(plan.instructions) - 1
    plan.instructions[:] = gone
    with pytest.raises(PlanError, match="which is not there"):
        check(plan)
    with pytest.raises(AssertionError):
        assert_valid(plan)


def test_the_painted_memory_sees_parts_that_overlap():
    plan = joined_plan()
    layouts = plan.placement.layouts
    part = next(v for v in layouts.homes if v.op.name == "exp")
    home = layouts.homes[part]
    layouts.homes[part] = Layout(home.owner, home.at._replace(start=(2, 0)))
    layouts.known.clear()
    with pytest.raises(AssertionError):
        assert_valid(plan)


def test_reshapes_of_views():
    """What strides can give is a view; what they cannot is not."""
    at = Strided((3, 0), (24, 4, 1))
    assert reshaped((2, 3, 4), at, (2, 12)) == Strided((3, 0), (24, 1))
    assert reshaped((2, 3, 4), at, (6, 4)) is None
    assert reshaped((2, 3, 4), at, (2, 1, 3, 2, 2)) == Strided((3, 0), (24, 0, 4, 2, 1))
    swapped = Strided((0, 0), (1, 6))
    assert reshaped((6, 4), swapped, (2, 3, 4)) == Strided((0, 0), (3, 1, 6))
    assert reshaped((6, 4), swapped, (24,)) is None
    assert reshaped((6, 4), swapped, (12, 2)) is None
