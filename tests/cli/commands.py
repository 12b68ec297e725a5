"""Commands as a stranger types them, and small files for them."""

import os
from pathlib import Path

import numpy as np

from gdcore.cli import main

RNG = np.random.default_rng(0)


def run(capsys, *words):
    """Exit code, standard output and standard error of a command."""
    try:
        code = main([str(w) for w in words])
    except SystemExit as stop:
        code = stop.code or 0
    out, err = capsys.readouterr()
    return code, out, err


def write_table(path="t.csv", rows=120, header=True, missing=(), task="regression"):
    """A table whose target is a line through its columns."""
    x = np.stack([RNG.normal(2000, 5, rows), RNG.normal(0, 0.01, rows)], axis=1)
    kinds = RNG.integers(0, 3, rows)
    y = 1000 * (x[:, 0] - 2000) + 1e5 * x[:, 1] + 5000 * kinds + 3e5
    lines = ["year,tiny,kind,price"] if header else []
    for i in range(rows):
        cells = [f"{x[i, 0]:.4f}", f"{x[i, 1]:.6f}", "abc"[kinds[i]], f"{y[i]:.2f}"]
        if task == "classification":
            cells[3] = "dear" if y[i] > 3.05e5 else "cheap"
        if i in missing:
            cells[1] = ""
        lines.append(",".join(cells))
    Path(path).write_text("\n".join(lines) + "\n")


def write_npz(path="t.npz", n=90, **arrays):
    x = RNG.normal(size=(n, 4)).astype(np.float32)
    np.savez(
        path, **({"x": x, "y": (x[:, 0] > 0).astype(int)} | {k: v(x) for k, v in arrays.items()})
    )


def write_idx(folder, n=60):
    """Images of 4 by 4 pixels whose brightness is their class."""
    os.makedirs(folder)
    for stem in ("train", "t10k"):
        y = (np.arange(n) % 3).astype(np.uint8)
        x = np.clip(y[:, None, None] * 100 + RNG.integers(0, 20, (n, 4, 4)), 0, 255).astype(
            np.uint8
        )
        for what, array, kind in (("images", x, 3), ("labels", y, 1)):
            head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (Path(folder) / f"{stem}-{what}-idx{kind}-ubyte").write_bytes(head + array.tobytes())


def held_out(text, name):
    """The score of held-out rows in a report: before its interval, and what guessing gives."""
    return fact(text, name, -5)


def fact(text, name, column=-1):
    """A number of a printed table."""
    line = next(line for line in text.splitlines() if line.startswith(name))
    return float(line.split()[column].replace(",", ""))
