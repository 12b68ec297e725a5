"""The site's pictures, drawn by the product as it is when the site is built.

    python -m website.pictures FOLDER

draws them to be looked at. A page that shows a picture names it here, by its path in the site.
"""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import gdcore as gd

PICTURES: dict[str, Callable[[], bytes]] = {}


def picture(path: str) -> Callable[[Callable[[], Any]], Callable[[], bytes]]:
    """Keep a function that returns axes, a figure or a `Drawing` under the path of its picture."""

    def keep(draw: Callable[[], Any]) -> Callable[[], bytes]:
        @functools.wraps(draw)
        def content() -> bytes:
            return written(draw(), Path(path).suffix)

        PICTURES[f"pictures/{path}"] = content
        return content

    return keep


def written(drawn: Any, suffix: str) -> bytes:
    """A picture as the content of a file."""
    if isinstance(drawn, gd.plots.Drawing):
        return drawn.svg.encode()
    figure = getattr(drawn, "figure", drawn)
    content = io.BytesIO()
    metadata = {"Software": None} if suffix == ".png" else {"Date": None}
    figure.savefig(content, format=suffix.removeprefix("."), dpi=100, metadata=metadata)
    return content.getvalue()


def drawn() -> dict[str, bytes]:
    """Every picture by its path in the site."""
    return {path: draw() for path, draw in PICTURES.items()}


# --- networks that several pictures show -----------------------------------------------------------


@functools.cache
def digits() -> Any:
    """The images to learn from, and those held out."""
    return gd.datasets.digits()


def network(activation: str = "relu", depth: int = 2) -> gd.Sequential:
    """A digits classifier, not compiled."""
    hidden = [gd.Dense(48, activation=activation) for _ in range(depth)]
    return gd.Sequential([gd.Input(64), *hidden, gd.Dense(10)])


@functools.cache
def trained() -> tuple[gd.Model, dict[str, Any]]:
    """A trained classifier, and its weights before training."""
    (x, y), held = digits()
    model = network()
    model.compile(gd.Adam(1e-3), "cross_entropy", ["accuracy"])
    model.fit(x, y, epochs=0, seed=0)
    start = model.state_dict()
    model.fit(x, y, epochs=20, validation_data=held, seed=0, verbose=0)
    return model, start


def watched(model: gd.Model, optimizer: gd.Optimizer, epochs: int, every: int = 10) -> Any:
    """A monitor of a training."""
    (x, y), _ = digits()
    watch = gd.diagnostics.Monitor(every=every)
    model.compile(optimizer, "cross_entropy")
    model.fit(x, y, epochs=epochs, callbacks=[watch], seed=0, verbose=0)
    return watch


class Block(gd.Layer):
    """x + f(x), with layer norm before."""

    def __init__(self, width: int) -> None:
        self.norm = gd.LayerNorm()
        self.wide = gd.Dense(2 * width, activation="gelu")
        self.back = gd.Dense(width)

    def forward(self, x: Any) -> Any:
        return x + self.back(self.wide(self.norm(x)))


# --- the pictures ----------------------------------------------------------------------------------


@picture("tutorial.svg")
def tutorial() -> Any:
    """The tutorial's first training."""
    (x, y), held = digits()
    model = gd.Sequential([gd.Dense(64, activation="relu"), gd.Dense(10)])
    model.compile(optimizer=gd.Adam(lr=1e-3), loss="cross_entropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=20, batch_size=32, validation_data=held, seed=0, verbose=0)
    return gd.plots.curves(history)


@picture("curves.svg")
def curves() -> Any:
    """The training of the first page."""
    (x, y), held = digits()
    model = gd.Sequential([gd.Dense(128, activation="relu"), gd.Dropout(0.2), gd.Dense(10)])
    model.compile(optimizer=gd.Adam(1e-3), loss="cross_entropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=30, batch_size=32, validation_data=held, seed=0, verbose=0)
    return gd.plots.curves(history)


@picture("vanishing.png")
def vanishing() -> Any:
    """Ten sigmoid layers."""
    return watched(network("sigmoid", 10), gd.SGD(0.1), 3, every=20).report().plot()


@picture("ratio.png")
def ratio() -> Any:
    """Update to weight, in a training that goes well."""
    return watched(network(), gd.Adam(1e-3), 5).plot("ratio")


@picture("dead.png")
def dead() -> Any:
    """Units that a large learning rate kills."""
    return watched(network("relu", 3), gd.SGD(1.0), 5).plot("dead")


@picture("lr_find.png")
def lr_find() -> Any:
    """A range test."""
    (x, y), _ = digits()
    model = network().compile(gd.Adam(1e-3), "cross_entropy")
    return gd.lr_find(model, x, y, seed=0).plot()


@picture("landscape.png")
def landscape() -> Any:
    """The loss around a solution."""
    (x, y), _ = digits()
    return gd.diagnostics.loss_landscape(trained()[0], x[:400], y[:400], points=31).plot()


@picture("line.png")
def line() -> Any:
    """The loss on the way from a solution back to where training began."""
    (x, y), _ = digits()
    model, start = trained()
    return gd.diagnostics.interpolate(model, start, x, y).plot()


@picture("attribution.png")
def attribution() -> Any:
    """What speaks for the answer."""
    _, (xt, _) = digits()
    model, _ = trained()
    one = xt[7:8]
    parts = gd.diagnostics.integrated_gradients(model, one)
    title = f"What speaks for a {model.predict(one).argmax()}"
    return gd.plots.attribution(one.reshape(8, 8), parts.reshape(8, 8), title=title)


@picture("confusion.png")
def confusion() -> Any:
    """Which digits are taken for which."""
    _, (xt, yt) = digits()
    return gd.plots.confusion_matrix(yt, trained()[0].predict(xt))


@picture("table.png")
def table() -> Any:
    """The report on the houses of the page on tables."""
    draw = np.random.default_rng(0)
    rows = []
    for _ in range(400):
        size, garden, place = draw.uniform(40, 200), draw.random() < 0.5, int(draw.integers(3))
        sold = np.datetime64("2024-01-01") + int(draw.integers(300))
        price = 3000 * size + 40_000 * garden + 60_000 * place + draw.normal(0, 10_000)
        rows.append(
            {
                "size": round(size, 1) if draw.random() < 0.95 else None,
                "garden": "yes" if garden else "no",
                "place": ("vale", "town", "hill")[place],
                "sold": str(sold),
                "price": round(price),
            }
        )
    return gd.tabular.fit(rows, target="price", epochs=40, verbose=0).report.plot()


@picture("lab.png")
def lab() -> Any:
    """One setting, three seeds."""
    (x, y), held = digits()
    rates = {"lr": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]}
    compared = gd.lab.compare(
        None, x, y, rates, epochs=12, seeds=3, validation_data=held, verbose=0
    )
    return compared.plot()[0]


@picture("lab_map.png")
def lab_map() -> Any:
    """Two settings."""
    (x, y), held = digits()
    grid = {"depth": [1, 2, 4, 8], "activation": ["sigmoid", "tanh", "relu"]}
    compared = gd.lab.compare(None, x, y, grid, epochs=6, seeds=1, validation_data=held, verbose=0)
    return compared.plot("val_accuracy")


@picture("residual.svg")
def residual() -> Any:
    """A graph with two residual blocks."""
    inputs = gd.Input(64, name="pixels")
    h = gd.Dense(48)(inputs)
    for _ in range(2):
        h = Block(48)(h)
    return gd.Model(inputs, gd.Dense(10, name="classes")(h)).draw()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for path, draw in PICTURES.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(draw())
        print(target)
