"""Ten random networks of mixed layers, in gdcore and in torch: one loss, the same gradients, the same training.

Norms: the difference of two gradients is the Euclidean norm over a tensor, relative to the tensor's own
norm, or to a share of the norm of all gradients together where that is more: a tenth in float32, a
thousandth in float64. (A bias before a batch norm has a gradient of 0, and what float32 leaves of it is
rounding of the size of the others.)
"""

import numpy as np
import pytest

import gdcore as gd

torch = pytest.importorskip("torch", reason="torch is not installed: nothing to compare with")
blocks = pytest.importorskip("torch_blocks")

MODELS, ROWS, STEPS = 10, 24, 50


class Draw:
    """What a random network is made of: a generator, and activations of which each comes up before one returns."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        kinds = sorted(blocks.ACTIVATIONS)
        self.kinds = [kinds[(seed * 3 + i) % len(kinds)] for i in range(len(kinds))]

    def activation(self):
        self.kinds.append(self.kinds.pop(0))
        return self.kinds[-1]

    def pick(self, *options):
        return options[self.rng.integers(len(options))]

    def below(self, low, high):
        return int(self.rng.integers(low, high))

    def dense(self, units=None):
        return blocks.Dense(units or self.below(3, 20), self.activation())

    def norm(self):
        return blocks.Norm(self.pick(True, False))

    def table(self, width):
        """Layers that act on the last dimension, whatever comes before it."""
        return [
            lambda: [self.dense(), self.norm()],
            lambda: [blocks.Fork(self.dense(), self.dense()), self.norm()],
            lambda: [
                self.dense(width),
                blocks.Residual([self.dense(), self.norm(), self.dense(width)]),
            ],
        ]

    def image(self, channels):
        down, across = self.below(1, 4), self.below(1, 4)
        conv = blocks.Conv(
            channels,
            (down, across),
            self.activation(),
            self.pick((1, 1), (2, 1)),
            self.pick("valid", "same"),
            self.pick((1, 1), (1, 2)),
        )
        same = blocks.Conv(channels, 3, self.activation(), padding="same")
        pool = blocks.Pool(
            self.pick((2, 2), (3, 2)), self.pick(None, (1, 2)), self.pick("valid", "same")
        )
        return [conv, self.norm(), blocks.Residual([same]), pool]

    def sequence(self):
        return [
            blocks.Recurrent(self.below(3, 12), True),
            self.norm(),
            self.dense(),
            blocks.Recurrent(self.below(3, 12), False),
        ]


class Network(gd.Model):
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def torch(self, x, weights):
        for i, layer in enumerate(self.layers):
            x = layer.torch(x, lambda name, i=i: weights[f"layers.{i}.{name}"])
        return x


def random_model(seed):
    """(network, loss, x, y): images, sequences, tokens and tables in turn."""
    draw, kind = Draw(seed), ("table", "image", "sequence", "tokens")[seed % 4]
    rng = draw.rng
    if kind == "table":
        x, layers = rng.normal(size=(ROWS, 13)), []
    elif kind == "image":
        x, layers = rng.normal(size=(ROWS, 9, 8, 2)), [*draw.image(draw.below(2, 7)), blocks.Flat()]
    elif kind == "sequence":
        x, layers = rng.normal(size=(ROWS, 6, 5)), draw.sequence()
    else:
        x, layers = (
            rng.integers(0, 11, (ROWS, 5)),
            [blocks.Embed(11, 6), draw.norm(), *draw.sequence()],
        )
    width = draw.below(4, 18)
    for i in rng.permutation(3)[: draw.below(2, 4) if kind == "table" else 1]:
        layers += draw.table(width)[i]()
    loss, units = list(blocks.LOSSES)[(seed + seed // 4) % len(blocks.LOSSES)], draw.below(2, 6)
    layers.append(blocks.Dense(units, "linear"))
    y = {
        "cross_entropy": rng.integers(0, units, ROWS),
        "binary_cross_entropy": rng.integers(0, 2, (ROWS, units)).astype(float),
    }.get(loss)
    y = rng.normal(size=(ROWS, units)) if y is None else y
    real = lambda a: a if a.dtype.kind == "i" else a.astype(np.float32).astype(np.float64)  # noqa: E731
    return Network(layers), loss, real(x), real(y)


def both(seed, dtype, lr=1e-3):
    """The network in gdcore, its weights as leaves of torch, and torch's loss of a slice of the data."""
    network, loss, x, y = random_model(seed)
    network.compile(optimizer=gd.Adam(lr), loss=loss, dtype=dtype)
    network.fit(x, y, epochs=0, seed=seed, verbose=0)
    rng = np.random.default_rng(seed + 100)
    moved = {
        n: w + 0.1 * rng.normal(size=w.shape)
        for n, w in network.state_dict().items()
        if "running" not in n
    }
    network.load_state_dict(moved, strict=False)  # so that no bias and no gain is 0 or 1
    state = network.state_dict()
    leaves = {n: torch.tensor(state[n], requires_grad=True) for n in moved}
    tensor = lambda a: torch.tensor(a, dtype=None if a.dtype.kind == "i" else getattr(torch, dtype))  # noqa: E731
    return (
        network,
        leaves,
        x,
        y,
        lambda rows: blocks.LOSSES[loss](network.torch(tensor(x[rows]), leaves), tensor(y[rows])),
    )


def test_the_models_cover_the_layers():
    """So that ten models are ten reasons: every block and every activation is in one of them."""

    def kinds(layer):
        found = {type(layer).__name__, getattr(layer, "kind", None)}
        for _, inner in layer.sublayers():
            found |= kinds(inner)
        return found

    found = set().union(*(kinds(random_model(seed)[0]) for seed in range(MODELS)))
    assert found >= set(blocks.ACTIVATIONS)
    assert found >= {
        "Dense",
        "BatchNorm",
        "LayerNorm",
        "Residual",
        "Fork",
        "Conv",
        "Pool",
        "Recurrent",
        "Embed",
        "Flat",
    }
    assert {random_model(seed)[1] for seed in range(MODELS)} == set(blocks.LOSSES)


@pytest.mark.parametrize(
    ("dtype", "tolerance", "share"), [("float32", 1e-5, 0.1), ("float64", 1e-11, 1e-3)]
)
@pytest.mark.parametrize("seed", range(MODELS))
def test_loss_and_gradients(seed, dtype, tolerance, share, isa):
    network, leaves, x, y, torch_loss = both(seed, dtype)
    loss = torch_loss(slice(None))
    loss.backward()
    got = network.gradients(x, y)
    assert set(got) == set(leaves)
    everything = np.sqrt(sum(float((w.grad.double() ** 2).sum()) for w in leaves.values()))
    for name, g in got.items():
        want = leaves[name].grad.double().numpy()
        scale = max(np.linalg.norm(want), share * everything)
        assert np.linalg.norm(g - want) <= tolerance * scale, name
    assert network.train_on_batch(x, y) == pytest.approx(loss.item(), rel=tolerance)


@pytest.mark.parametrize("seed", range(MODELS))
def test_loss_curve(seed):
    """50 steps of Adam in float32, on batches of two lengths, to 1e-3 at every step."""
    network, leaves, x, y, torch_loss = both(seed, "float32", lr=3e-3)
    theirs = torch.optim.Adam(list(leaves.values()), lr=3e-3)
    ours, wanted = [], []
    for t in range(STEPS):
        rows = slice(0, 16) if t % 2 == 0 else slice(16, ROWS)
        theirs.zero_grad()
        loss = torch_loss(rows)
        loss.backward()
        theirs.step()
        wanted.append(loss.item())
        ours.append(network.train_on_batch(x[rows], y[rows]))
    np.testing.assert_allclose(ours, wanted, rtol=1e-3)
    assert np.mean(ours[-10:]) < np.mean(ours[:10])
