"""Schedules against plain loops and against numbers written down from other libraries."""

import json
import math

import numpy as np
import pytest

import gdcore as gd
from gdcore import schedules as s


def test_scalar_and_array_agree_for_every_schedule():
    steps = np.arange(50)
    for schedule in (
        s.Constant(0.1),
        s.Step(0.1, 7, 0.5),
        s.MultiStep(0.1, [3, 20], 0.5),
        s.Exponential(0.1, 0.9, 5),
        s.Polynomial(0.1, 30, 0.01, 2.0),
        s.Cosine(0.1, 30, 0.01),
        s.CosineRestarts(0.1, 5, 1.5, 0.8, 0.01),
        s.FlatCosine(0.1, 40, 0.01),
        s.LogCosine(0.1, 40, 3),
        s.OneCycle(0.1, 40),
        s.Warmup(s.Cosine(0.1, 30), 10),
        s.Piecewise([3, 10, 40], [0.2, 1.0, 0.1]),
        s.Until(s.Cosine(0.1, 30), 10),
        s.ReduceOnPlateau(0.1),
    ):
        rates = schedule(steps)
        assert rates.dtype == np.float64 and rates.shape == (50,)
        assert rates.tolist() == [schedule(int(t)) for t in steps]
        assert isinstance(schedule(3), float)
        assert schedule(steps.reshape(5, 10)).shape == (5, 10)
        assert schedule(np.arange(0)).shape == (0,)


def test_drops_against_a_loop():
    lr, expected = 1.0, []
    for t in range(30):
        if t and t % 7 == 0:
            lr *= 0.5
        expected.append(lr)
    assert np.allclose(s.Step(1.0, 7, 0.5)(np.arange(30)), expected, rtol=1e-15)
    lr, expected = 1.0, []
    for t in range(30):
        if t in (4, 9):
            lr *= 0.1
        expected.append(lr)
    assert np.allclose(s.MultiStep(1.0, (4, 9))(np.arange(30)), expected, rtol=1e-15)
    lr, expected = 1.0, []
    for _ in range(30):
        expected.append(lr)
        lr *= 0.9
    assert np.allclose(s.Exponential(1.0, 0.9, 1)(np.arange(30)), expected, rtol=1e-13)
    stairs = s.Exponential(1.0, 0.5, 10, staircase=True)
    assert stairs(np.array([0, 9, 10, 25])).tolist() == [1, 1, 0.5, 0.25]


def test_polynomial_and_cosine_end_where_they_should():
    for schedule in (s.Polynomial(0.5, 10, 0.1, 3.0), s.Cosine(0.5, 10, 0.1)):
        assert schedule(0) == 0.5
        assert schedule(10) == schedule(1000) == pytest.approx(0.1, abs=1e-16)
    assert s.Polynomial(1.0, 10, 0.0, 2.0)(5) == 0.25
    for t in range(11):
        by_hand = 0.1 + 0.4 * (1 + math.cos(math.pi * t / 10)) / 2
        assert s.Cosine(0.5, 10, 0.1)(t) == pytest.approx(by_hand, rel=1e-14)


def test_lines_between_points_and_an_end():
    """The triangle of PyTorch's recipes, which `numpy.interp` computes; an end cuts it off."""
    line = s.Piecewise([0, 123, 539], [0.2, 1.0, 0.07])
    t = np.arange(600)
    rising, falling = 0.2 + 0.8 * t / 123, 1 - 0.93 * (t - 123) / (539 - 123)
    want = np.where(t < 123, rising, np.where(t < 539, falling, 0.07))
    assert np.allclose(line(t), want, rtol=1e-14) and line.base_rate == 1.0
    ended = s.Until(line, 147)
    assert ended(t).tolist() == [*line(t[:147]), *[0.0] * 453] and ended.base_rate == 1.0
    with pytest.raises(TypeError, match="Until: schedule must be a number or a schedule of the"):
        s.Until(s.ReduceOnPlateau(0.1), 3)


def test_restarts_against_a_loop():
    schedule = s.CosineRestarts(1.0, 3, t_mul=2.0, m_mul=0.5, end=0.1)
    start, length, height, expected = 0, 3, 0.9, []
    for t in range(100):
        if t == start + length:
            start, length, height = t, length * 2, height * 0.5
        expected.append(0.1 + height * (1 + math.cos(math.pi * (t - start) / length)) / 2)
    assert np.allclose(schedule(np.arange(100)), expected, rtol=1e-13)
    even = s.CosineRestarts(1.0, 10, t_mul=1.0)
    assert even(np.arange(0, 10_000, 10)).tolist() == [1.0] * 1000


def test_flat_and_log_cosine_against_their_formulas():
    flat = s.FlatCosine(0.5, 10, 0.1)
    assert flat(np.arange(6)).tolist() == [0.5] * 6 and flat(10) == flat(99) == 0.1
    assert flat(7) == pytest.approx(0.1 + 0.4 * (1 + math.cos(0.4 * math.pi)) / 2, rel=1e-14)
    humps = s.LogCosine(0.2, 150)
    for t in range(151):
        by_hand = 0.1 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t / 150)))
        assert humps(t) == pytest.approx(by_hand, abs=1e-14)
    assert np.allclose(humps(np.array([0, 10, 30, 70, 150, 999])), 0, atol=1e-15)
    peaks = 10 * (np.exp2([0.5, 1.5, 2.5, 3.5]) - 1)
    assert np.allclose(humps.at(peaks), 0.2)


def test_what_is_traced_is_what_is_called():
    steps = np.arange(30, dtype=np.float64).reshape(-1, 1)
    for schedule in (s.Cosine(0.5, 20, 0.1), s.FlatCosine(0.5, 20, 0.1)):
        step = gd.Input(1)
        model = gd.Model(step, schedule.traced(step)).compile(loss="mse", dtype="float64")
        assert np.allclose(model.predict(steps), schedule(np.arange(30))[:, None], atol=1e-12)
    with pytest.raises(TypeError, match="OneCycle has no formula for a graph, expected"):
        s.OneCycle(0.1, 10).traced(step)


def test_one_cycle_is_that_of_torch():
    # torch.optim.lr_scheduler.OneCycleLR(SGD(...), max_lr=0.1, total_steps=10)
    rates = [0.004, 0.052, 0.1, 0.0950484632013, 0.081174565395,
             0.0611262021936, 0.0388741978064, 0.018825834605, 0.00495193679865,
             4e-07]  # fmt: skip
    assert np.allclose(s.OneCycle(0.1, 10)(np.arange(10)), rates, rtol=1e-10)
    assert s.OneCycle(0.1, 10)(11) == s.OneCycle(0.1, 10)(9)
    for total in (1, 2, 3, 4, 7):
        assert np.isfinite(s.OneCycle(0.1, total)(np.arange(total + 2))).all()


@pytest.mark.parametrize("total", [10, 37, 100])
def test_against_torch_itself(total):
    torch = pytest.importorskip("torch")
    weight = torch.nn.Parameter(torch.zeros(1))

    def run(make, lr):
        optimizer = torch.optim.SGD([weight], lr=lr)
        schedule, rates = make(optimizer), []
        for _ in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if len(rates) < total:
                schedule.step()
        return rates

    lib = torch.optim.lr_scheduler
    t = np.arange(total)
    assert np.allclose(
        s.OneCycle(0.1, total, 0.4)(t),
        run(lambda o: lib.OneCycleLR(o, 0.1, total, pct_start=0.4), 0.1),
        rtol=1e-12,
    )
    assert np.allclose(
        s.CosineRestarts(0.1, 4, 2.0, end=0.01)(t),
        run(lambda o: lib.CosineAnnealingWarmRestarts(o, 4, 2, 0.01), 0.1),
        rtol=1e-12,
    )
    assert np.allclose(
        s.Cosine(0.1, total, 0.01)(t),
        run(lambda o: lib.CosineAnnealingLR(o, total, 0.01), 0.1),
        rtol=1e-9,
    )


def test_warmup_goes_straight_to_the_first_rate_of_what_follows():
    schedule = s.Warmup(s.Cosine(0.1, 10), 5, start=0.02)
    assert np.allclose(schedule(np.arange(6)), 0.02 + 0.016 * np.arange(6), rtol=1e-14)
    assert schedule(5) == 0.1
    assert schedule(9) == s.Cosine(0.1, 10)(4)
    assert s.Warmup(0.3, 0)(0) == 0.3
    with pytest.raises(TypeError, match="got ReduceOnPlateau"):
        s.Warmup(s.ReduceOnPlateau(0.1), 5)


def test_plateau():
    schedule = s.ReduceOnPlateau(1.0, patience=2, factor=0.5, cooldown=1, min_lr=0.3)
    seen = []
    for loss in (5, 4, 4, 4, 4, 4, 4, 4, 4, 4):
        schedule.update({"val_loss": loss})
        seen.append(schedule(0))
    # Best in epoch 1; drop at 3; the first epoch of counting is the cooldown's last, as in Keras.
    assert seen == [1, 1, 1, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.3]
    schedule.update({"val_loss": float("nan")})
    assert s.ReduceOnPlateau(0.1, min_lr=1.0)(0) == 0.1


def test_plateau_never_raises_the_rate():
    schedule = s.ReduceOnPlateau(0.1, min_lr=1.0, patience=1)
    for _ in range(3):
        schedule.update({"val_loss": 1.0})
    assert schedule(0) == 0.1


@pytest.mark.parametrize(
    ("monitor", "mode", "values", "drops"),
    [
        ("val_accuracy", "auto", (0.1, 0.2), False),
        ("val_accuracy", "auto", (0.2, 0.1), True),
        ("val_loss", "auto", (0.2, 0.1), False),
        ("mine", "max", (0.2, 0.1), True),
        ("val_accuracy", "min", (0.1, 0.2), True),
        ("val_loss", "auto", (0.2, 0.2 - 5e-5), True),
    ],
)
def test_plateau_modes(monitor, mode, values, drops):
    schedule = s.ReduceOnPlateau(1.0, monitor=monitor, mode=mode, patience=1)
    for value in values:
        schedule.update({monitor: value})
    assert (schedule(0) < 1.0) == drops


def test_plateau_resumes():
    losses = [3, 2, 2, 2, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]
    whole = s.ReduceOnPlateau(1.0, patience=3, cooldown=2)
    half = s.ReduceOnPlateau(1.0, patience=3, cooldown=2)
    for loss in losses:
        whole.update({"val_loss": loss})
        other = s.ReduceOnPlateau(1.0, patience=3, cooldown=2)
        other.load_state_dict(json.loads(json.dumps(half.state_dict())))
        other.update({"val_loss": loss})
        half = other
    assert whole.state_dict() == half.state_dict()
    with pytest.raises(ValueError, match="lacks best, cooling, waited, got lr"):
        half.load_state_dict({"lr": 1})
    with pytest.raises(ValueError, match=r"unknown monitored value 'val_loss'.*known: loss"):
        half.update({"loss": 1.0})


def test_get_and_names():
    assert s.get(0.1) == s.Constant(0.1)
    assert s.get(np.float32(0.5)) == s.Constant(0.5)
    schedule = s.Cosine(0.1, 10)
    assert s.get(schedule) is schedule
    with pytest.raises(TypeError, match="must be a number or a schedule, got str"):
        s.get("cosine")
    for name in ("constant", "step", "exponential", "polynomial", "cosine", "flat_cosine",
                 "coslog4", "one_cycle", "warmup_cosine"):  # fmt: skip
        for total in (1, 2, 3, 100):
            rates = s.from_name(name, 0.1, total)(np.arange(total))
            assert (rates >= 0).all() and rates.max() <= 0.1 + 1e-15
        assert rates.max() == pytest.approx(0.1, rel=1e-2)
    with pytest.raises(ValueError, match="unknown schedule 'cosin': did you mean 'cosine'"):
        s.from_name("cosin", 0.1, 10)
    with pytest.raises(ValueError, match="total_steps must be at least 1, got 0"):
        s.from_name("cosine", 0.1, 0)


def test_config_round_trip():
    for schedule in (
        s.Constant(0.1),
        s.MultiStep(0.1, [3, 20], 0.5),
        s.CosineRestarts(0.1, 5),
        s.Warmup(s.Cosine(0.1, 30), 10),
        s.Warmup(0.1, 10),
        s.FlatCosine(0.1, 10, 0.01),
        s.LogCosine(0.1, 10, 3),
        s.Until(s.Piecewise((0, 5.5), (0.1, 0)), 10),
        s.ReduceOnPlateau(0.1, factor=0.3),
    ):
        assert s.from_config(json.loads(json.dumps(s.to_config(schedule)))) == schedule
    with pytest.raises(ValueError, match="unknown option of schedule 'constant' 'lrr'"):
        s.from_config({"name": "constant", "lrr": 1})
    with pytest.raises(ValueError, match="unknown schedule 'x'"):
        s.from_config({"name": "x"})

    class Own(s.Schedule):
        pass

    with pytest.raises(TypeError, match="Own cannot be saved"):
        s.to_config(Own())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: s.Constant(-1.0), "lr must be finite and not negative, got -1.0"),
        (lambda: s.Constant(float("nan")), "lr must be finite"),
        (lambda: s.Step(0.1, 0), "step_size must be at least 1 step, got 0"),
        (lambda: s.MultiStep(0.1, [3, 2]), "milestones must be in rising order"),
        (lambda: s.Exponential(0.1, 0.0, 5), "decay_rate must be positive"),
        (lambda: s.Exponential(0.1, 0.9, 0), "decay_steps must be at least 1 step"),
        (lambda: s.Polynomial(0.1, 5, power=0), "power must be positive"),
        (lambda: s.Cosine(0.1, 0), "decay_steps must be at least 1 step"),
        (lambda: s.CosineRestarts(0.1, 5, t_mul=0.5), "t_mul must be at least 1"),
        (lambda: s.FlatCosine(0.1, 0), "total_steps must be at least 1 step"),
        (lambda: s.LogCosine(0.1, 10, 0), "cycles must be 1 to 32 humps, got 0"),
        (lambda: s.OneCycle(0.1, 10, pct_start=2), "pct_start must be 0 to 1"),
        (lambda: s.Warmup(0.1, -1), "warmup_steps must be 0 or more steps"),
        (lambda: s.Piecewise([0, 2, 2], [1, 2, 3]), "steps must be one or more steps that ascend"),
        (lambda: s.Piecewise([0, 2], [1]), "rates must be a finite rate .* of the 2 steps"),
        (lambda: s.Piecewise([0], "a"), "rates must be a list of numbers, got 'a'"),
        (lambda: s.Until(0.1, -1), "end must be 0 or more steps, got -1"),
        (lambda: s.ReduceOnPlateau(0.1, factor=1.0), "factor must be above 0 and below 1"),
        (lambda: s.ReduceOnPlateau(0.1, patience=0), "patience must be at least 1 epoch"),
        (lambda: s.ReduceOnPlateau(0.1, mode="mx"), "unknown mode 'mx': did you mean 'max'"),
        (lambda: s.Constant(0.1)(-1), "steps must be 0 or more, got -1"),
    ],
)
def test_errors_are_one_clear_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
