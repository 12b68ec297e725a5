"""Settings out of range, and indices out of a table, are refused in one line."""

import numpy as np
import pytest

import gdcore as gd

REFUSED = {
    "momentum": lambda: gd.SGD(momentum=-1),
    "betas": lambda: gd.Adam(betas=(2, 0)),
    "epsilon": lambda: gd.Adam(epsilon=-1),
    "rho": lambda: gd.RMSprop(rho=2),
    "clip_norm": lambda: gd.Adam(clip_norm="a"),
    "weight_decay": lambda: gd.Adam(weight_decay=float("nan")),
    "LayerNorm epsilon": lambda: gd.LayerNorm(epsilon=-1),
    "BatchNorm epsilon": lambda: gd.BatchNorm(epsilon="small"),
    "delta": lambda: gd.losses.Huber(delta=-1),
    "l2": lambda: gd.Sequential([gd.Input(2), gd.Dense(1, kernel_l2=-1)]).get_weights(),
    "l1": lambda: gd.Sequential([gd.Input(2), gd.Dense(1, kernel_l1="a")]).get_weights(),
}


@pytest.mark.parametrize("setting", REFUSED)
def test_refused(setting):
    with pytest.raises(ValueError, match=f"{setting}=.*expected") as refusal:
        REFUSED[setting]()
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("index", [-1, 5, 2**32 + 1])
def test_an_index_outside_of_the_table(index):
    x = np.array([[0, 4], [1, 2]])
    model = gd.Sequential([gd.Embedding(5, 3), gd.Flatten(), gd.Dense(1)]).compile("sgd", "mse")
    model.fit(x, [0.0, 1.0], seed=0)
    before = model.get_weights()
    x[1, 1] = index
    for call in (lambda: model.predict(x), lambda: model.fit(x, [0.0, 1.0])):
        with pytest.raises(ValueError, match=f"holds the index {index}.*5 rows: expected 0 to 4"):
            call()
    for a, b in zip(before, model.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
