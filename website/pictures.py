"""The site's pictures, drawn by the product as it is when the site is built."""

from __future__ import annotations

import io

import gdcore as gd


def drawn() -> dict[str, bytes]:
    """Every picture by its path in the site."""
    return {"pictures/curves.svg": curves()}


def curves() -> bytes:
    """The tutorial's training, loss and accuracy over the epochs."""
    from gdcore import plots

    (x, y), held_out = gd.datasets.digits()
    model = gd.Sequential([gd.Dense(128, activation="relu"), gd.Dropout(0.2), gd.Dense(10)])
    model.compile(optimizer=gd.Adam(1e-3), loss="cross_entropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=30, batch_size=32, validation_data=held_out, seed=0, verbose=0)
    content = io.BytesIO()
    plots.curves(history).savefig(content, format="svg")
    return content.getvalue()
