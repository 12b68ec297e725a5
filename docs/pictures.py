"""Draws the pictures of the guides, with gdcore itself: python docs/pictures.py [folder]."""

from __future__ import annotations

import sys
from pathlib import Path

import gdcore as gd

FOLDER = Path(__file__).parent / "pictures"


def network(activation="relu", depth=2, **options):
    """A digits classifier, not compiled."""
    hidden = [gd.Dense(48, activation=activation, **options) for _ in range(depth)]
    return gd.Sequential([gd.Input(64), *hidden, gd.Dense(10)])


def watched(model, optimizer, epochs, x, y, every=10):
    """A monitor of a training."""
    watch = gd.diagnostics.Monitor(every=every)
    model.compile(optimizer, "cross_entropy")
    model.fit(x, y, epochs=epochs, callbacks=[watch], seed=0, verbose=0)
    return watch


class Block(gd.Layer):
    """x + f(x), with layer norm before."""

    def __init__(self, width):
        self.norm = gd.LayerNorm()
        self.wide = gd.Dense(2 * width, activation="gelu")
        self.back = gd.Dense(width)

    def forward(self, x):
        return x + self.back(self.wide(self.norm(x)))


def draw(folder: Path) -> list[Path]:
    """All pictures; returns their paths."""
    (x, y), (xt, yt) = gd.datasets.digits()
    made: list[Path] = []

    def keep(axes, name):
        path = folder / f"{name}.png"
        axes.figure.savefig(path, dpi=100, metadata={"Software": None})
        made.append(path)

    model = network(depth=2)
    model.compile(gd.Adam(1e-3), "cross_entropy", ["accuracy"])
    keep(gd.lr_find(model, x, y, seed=0).plot(), "lr_find")
    model.fit(x, y, epochs=0, seed=0)
    start = model.state_dict()
    history = model.fit(x, y, epochs=20, validation_data=(xt, yt), seed=0, verbose=0)
    figure = gd.plots.curves(history, title="Handwritten digits")
    keep(figure.axes[0], "history")
    keep(gd.diagnostics.loss_landscape(model, x[:400], y[:400], points=31).plot(), "landscape")
    keep(gd.diagnostics.interpolate(model, start, x, y).plot(), "line")
    keep(gd.plots.weights(model), "weights")
    keep(gd.plots.confusion_matrix(yt, model.predict(xt)), "confusion")
    which = 7
    parts = gd.diagnostics.integrated_gradients(model, xt[which : which + 1])
    keep(
        gd.plots.attribution(
            xt[which].reshape(8, 8),
            parts[0].reshape(8, 8),
            title=f"What speaks for a {model.predict(xt[which : which + 1]).argmax()}",
        ),
        "attribution",
    )
    keep(watched(network(), gd.Adam(1e-3), 5, x, y).plot("ratio"), "ratio")
    deep = watched(network("sigmoid", 10), gd.SGD(0.1), 3, x, y, every=20)
    keep(deep.report().plot(), "vanishing")
    keep(deep.plot("gradient"), "gradients")
    burnt = watched(network("relu", 3), gd.SGD(1.0), 5, x, y)
    keep(burnt.plot("dead"), "dead")

    held = {"validation_data": (xt, yt), "verbose": 0}
    rates = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]
    result = gd.lab.compare(None, x, y, {"lr": rates}, epochs=12, seeds=3, **held)
    keep(result.plot()[0], "lab")
    keep(result.curves(), "lab_curves")
    grid = {"depth": [1, 2, 4, 8], "activation": ["sigmoid", "tanh", "relu"]}
    keep(
        gd.lab.compare(None, x, y, grid, epochs=6, seeds=1, **held).plot("val_accuracy"), "lab_map"
    )

    inputs = gd.Input(64, name="pixels")
    h = gd.Dense(48)(inputs)
    for _ in range(2):
        h = Block(48)(h)
    outputs = gd.Dense(10, name="classes")(h)
    gd.Model(inputs, outputs).draw(folder / "residual.svg")
    network().draw(folder / "sequential.svg")
    return [*made, folder / "residual.svg", folder / "sequential.svg"]


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for path in draw(target):
        print(path, path.stat().st_size)
