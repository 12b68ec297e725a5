"""Many models whose training was cut off: the same call once more goes on, with the same bits."""

import signal
import sys

import pytest
from test_many import X, Y, bits, make

import gdcore as gd
from gdcore.many import Interrupted


class GoneAfter(gd.Callback):
    """The whole call is cut off, as by a signal, after so many epochs of all models."""

    left = 0

    def on_epoch_end(self, epoch, logs):
        GoneAfter.left -= 1
        if GoneAfter.left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("cv", [None, 2])
def test_a_call_that_was_cut_off_goes_on(tmp_path, cv):
    grid = {"lr": [1e-3, 1e-2], "dropout": [0.0, 0.3], "optimizer": [gd.Adam, gd.SGD]}
    options = {"epochs": 3, "cv": cv, "verbose": 0, "seed": 4}

    def stopping(**setting):
        return [gd.EarlyStopping("loss", patience=50), GoneAfter()]

    want = gd.fit_many(make, grid, X, Y, callbacks=stopping, **options)
    GoneAfter.left = 10
    with pytest.raises(Interrupted):
        gd.fit_many(make, grid, X, Y, callbacks=stopping, checkpoints=tmp_path, **options)
    assert 0 < len(list(tmp_path.iterdir())) < len(want)
    seen = []

    def counting(**setting):
        count = gd.LambdaCallback(lambda epoch, logs: seen.append(epoch))
        return [gd.EarlyStopping("loss", patience=50), count]

    got = gd.fit_many(make, grid, X, Y, callbacks=counting, checkpoints=tmp_path, **options)
    assert 0 < len(seen) < 3 * len(want)
    for one, other in zip(got, want, strict=True):
        assert one.history.history == other.history.history and one.epoch == other.epoch
        assert bits(one.model) == bits(other.model)
    # More settings and more epochs: what was done is not done again.
    seen.clear()
    more = grid | {"lr": [1e-3, 1e-2, 1e-1]}
    gd.fit_many(make, more, X, Y, callbacks=counting, checkpoints=tmp_path, **options)
    assert len(seen) == 3 * len(want) // 2
    seen.clear()
    options["epochs"] = 4
    gd.fit_many(make, grid, X, Y, callbacks=counting, checkpoints=tmp_path, **options)
    assert seen == [3] * len(want)


def test_checkpoints_of_other_data_are_refused(tmp_path):
    settings = {"lr": [1e-2, 1e-1]}
    gd.fit_many(make, settings, X, Y, checkpoints=tmp_path)
    with pytest.raises(ValueError, match="resume with the same data"):
        gd.fit_many(make, settings, X + 1, Y, checkpoints=tmp_path)
