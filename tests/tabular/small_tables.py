"""Small tables with everything in them."""

import numpy as np

ROWS = 160


def mixed(rows=ROWS, seed=0):
    """Columns of every kind with gaps, and targets that depend on them."""
    draw = np.random.default_rng(seed)
    size = draw.normal(2000, 5, rows)
    kind = np.array(["oak", "ash", "elm"])[draw.integers(0, 3, rows)]
    old = draw.random(rows) < 0.4
    day = np.datetime64("2020-01-01") + draw.integers(0, 700, rows).astype("timedelta64[D]")
    gap = draw.random(rows) < 0.15
    price = 1000 * (size - 2000) + 5000 * (kind == "ash") + 4000 * old - 9000 * gap + 300_000
    return {
        "size": [None if g else round(float(s), 4) for s, g in zip(size, gap, strict=True)],
        "kind": [None if i % 11 == 0 else str(k) for i, k in enumerate(kind)],
        "old": [bool(o) for o in old],
        "day": [str(d) for d in day],
        "same": ["x"] * rows,
        "empty": [None] * rows,
        "price": [round(float(p), 2) for p in price],
        "dear": ["yes" if p > 300_000 else "no" for p in price],
    }


def as_csv(columns, header=True, delimiter=","):
    """A dict of columns as text."""
    lines = [delimiter.join(columns)] if header else []
    for row in zip(*columns.values(), strict=True):
        lines.append(delimiter.join("" if v is None else str(v) for v in row))
    return "\n".join(lines) + "\n"
