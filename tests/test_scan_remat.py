"""`scan(..., remat=True)`: what is computed again is what was, draws and loops within loops included."""

import numpy as np

import gdcore as gd
from gdcore import ops


class Cell(gd.Layer):
    """A loop over the letters of words, with dropout in both loops."""

    def __init__(self, remat):
        self.remat, self.drop = remat, gd.Dropout(0.5)

    def forward(self, x):
        u = self.param("u", (3, 3), "orthogonal")

        def letter(h, e):
            return ops.tanh(e + self.drop(h) @ u), None

        def word(h, e):
            h = ops.tanh(ops.scan(letter, h, e, remat=self.remat)[0] * self.drop(h))
            return h, h

        start = ops.broadcast_to(0.0, (x.shape[0], 3))
        return ops.scan(word, start, x, remat=self.remat)[1]


def test_draws_are_the_same_when_they_are_needed_again(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 4, 5, 3)).astype(np.float32)
    trained, memory = [], []
    for remat in (False, True):
        model = gd.Sequential([gd.Input((4, 5, 3)), Cell(remat)]).compile("sgd", "mse")
        model.fit(x, x[:, :, 0], epochs=2, seed=0, verbose=0)
        model.save(tmp_path / "m.safetensors")
        model = gd.load(tmp_path / "m.safetensors")  # the file says how
        model.fit(x, x[:, :, 0], epochs=1, verbose=0)
        trained.append(model.state_dict()["0.u"])
        memory.append(model.plan.placement.arena_bytes)
    np.testing.assert_allclose(*trained, rtol=1e-6)
    assert memory[1] < memory[0]
