"""WeightAverage: against the formula, with look-ahead, resumed, and what it leaves alone."""

import numpy as np
import pytest

import gdcore as gd

X = np.random.default_rng(0).normal(size=(24, 3))
Y = X[:, 0] - X[:, 1] ** 2


def network():
    hidden = [gd.Dense(4), gd.BatchNorm(0.6), gd.Dropout(gd.schedules.Cosine(0.3, 20))]
    return gd.Sequential([gd.Input(3), *hidden, gd.Dense(1)]).compile(
        gd.SGD(0.05, momentum=0.9), "mse", dtype="float64"
    )


def trained(callback=None, model=None, epochs=2, **more):
    model = network() if model is None else model
    called = [callback] if callback else []
    model.fit(X, Y, batch_size=4, epochs=epochs, seed=0, verbose=0, callbacks=called, **more)
    return model


class Path(gd.Callback):
    """The weights before the first step and after each."""

    def on_train_begin(self, logs):
        self.path = [self.model.state_dict()]

    def on_batch_end(self, batch, logs):
        self.path.append(self.model.state_dict())


def test_the_average_is_the_formula_s():
    """By a decay that depends on the step, every second step; the run itself is that without an average."""
    path = Path()
    trained(path)
    average = gd.WeightAverage(lambda step: step / 20, every=2)
    got = trained(average).state_dict()
    want = dict(path.path[0])
    for step in range(2, 13, 2):
        for name, w in path.path[step].items():
            want[name] = want[name] * step / 20 + w * (1 - step / 20)
    want["2.steps"] = path.path[-1]["2.steps"]  # a count, not a weight
    assert set(got) == set(want) and got["2.steps"] == 12
    for name, w in want.items():
        np.testing.assert_allclose(got[name], w, rtol=1e-12, atol=1e-15)


class ByHand(Path):
    """Look-ahead of every third step, by the model's own methods."""

    def on_batch_end(self, batch, logs):
        if self.model.steps_done % 3 == 0:
            now, (slow,) = self.model.state_dict(), self.path
            slow = {n: 0.7 * slow[n] + 0.3 * w for n, w in now.items()}
            self.path = [slow | {"2.steps": now["2.steps"]}]
            self.model.load_state_dict(self.path[0])


def test_look_ahead():
    """The steps after an update begin at the average."""
    got = trained(gd.WeightAverage(0.7, every=3, look_ahead=True)).state_dict()
    for name, w in trained(ByHand()).state_dict().items():
        np.testing.assert_allclose(got[name], w, rtol=1e-10, atol=1e-15)


def test_resumed_with_the_same_bits(tmp_path):
    def run(epochs, folder, **more):
        average = gd.WeightAverage(0.9, every=4, look_ahead=True)
        model, saved = network(), gd.Checkpoint(tmp_path / folder)
        model.fit(
            X, Y, batch_size=4, epochs=epochs, seed=0, verbose=0, callbacks=[average, saved], **more
        )
        return [w.tobytes() for w in model.get_weights()]

    whole = run(3, "whole")
    run(1, "half")
    assert run(3, "half", resume_from=tmp_path / "half") == whole


def test_frozen_weights_stay_to_the_bit():
    model = network()
    model.freeze("0.*")
    model.compile(gd.SGD(0.05), "mse", dtype="float64")
    before = model.state_dict()
    after = trained(gd.WeightAverage(0.3), model).state_dict()
    assert after["0.kernel"].tobytes() == before["0.kernel"].tobytes()
    assert (after["3.kernel"] != before["3.kernel"]).any()


def test_bad_settings():
    with pytest.raises(ValueError, match=r"WeightAverage decay is 1.5: expected a number from 0"):
        gd.WeightAverage(1.5)
    for every in (0, 2.5, True):
        with pytest.raises(
            ValueError, match=f"every={every}: expected a whole number of at least 1"
        ):
            gd.WeightAverage(every=every)
    with pytest.raises(ValueError, match=r"decay\(1\) is nan: expected a number from 0 to 1"):
        trained(gd.WeightAverage(lambda step: float("nan")))
    average = gd.WeightAverage()
    trained(average, epochs=1)
    with pytest.raises(ValueError, match="expected the average of this model's weights"):
        average.load_state_dict({"average": {"0.kernel": np.zeros(3)}})
