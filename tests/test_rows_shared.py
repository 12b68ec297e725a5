"""Products that threads share by rows: a thread's last row or two are summed as they are among others."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.engine import thread_count


@pytest.mark.parametrize("batch", [1, 2, 3, 9, 10, 13, 14])
def test_few_rows_left_to_a_thread(batch, isa, monkeypatch):
    monkeypatch.setattr(thread_count, "MIN_WORK", 0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(batch, 40)).astype("f"), rng.normal(size=(batch, 2)).astype("f")

    def trained(threads):
        gd.set_num_threads(threads)
        hidden = [gd.Dense(n, activation="tanh") for n in (100, 600)]
        model = gd.Sequential([gd.Input(40), *hidden, gd.Dense(2)]).compile(gd.SGD(0.1), "mse")
        model.fit(x, y, batch_size=batch, epochs=3, shuffle=False, seed=0, verbose=0)
        return model._engine.parameters().params.tobytes()

    want = trained(1)
    for threads in (2, 3, 5, 7):
        assert trained(threads) == want, threads
