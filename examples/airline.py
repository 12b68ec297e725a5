"""Forecasts of airline passengers by the month: twelve months from the 24 before, beside the seasonal naive forecast.

The naive forecast of a month is what the same month of the year before had. A network learns what to add to it, in
logarithms: a small one that reads the two years, from the 9 years before 1958. Both forecast the 12 months behind
each month of 1957 to 1959.

The set is that of Box and Jenkins 1976, series G: a file of "Month","Passengers". With matplotlib a drawing of the
last year is written.

    $ python examples/airline.py FILE

On one thread of an AMD Zen 3 with AVX2, 28 November 2026, some seconds:

    seed 0: mean error 22.6 thousand; seasonal naive 38.6
    seed 1: mean error 26.0 thousand; seasonal naive 38.6
    seed 2: mean error 19.5 thousand; seasonal naive 38.6
"""

from __future__ import annotations

import csv
import sys
from importlib.util import find_spec

import numpy as np

import gdcore as gd

YEAR = 12


def read(path):
    """The passengers of each month, in thousands."""
    with open(path, encoding="utf-8", newline="") as file:
        return np.array([float(row[1]) for row in list(csv.reader(file))[1:]])


def network(past=2 * YEAR, horizon=YEAR, units=16):
    """The last year of the logarithms, and what a network adds to it: nothing at first."""
    x = gd.Input((past, 1))
    last = x[:, -horizon:, 0]
    level = gd.ops.mean(last, axis=1, keepdims=True)
    loop = gd.GRU(units)(x - level[:, :, None])
    return gd.Model(x, last + gd.Dense(horizon, kernel_initializer="zeros")(loop))


def forecasts(months, known, past=2 * YEAR, horizon=YEAR, epochs=300, seed=0):
    """The months to come behind each window that ends after the first `known` months: forecast, naive, true."""
    logs = np.log(months)[:, None].astype(np.float32)
    x, y = gd.data.windows(logs[:known], past, horizon)
    model = network(past, horizon).compile(gd.Adam(3e-3), "mse")
    model.fit(x, y[:, :, 0], batch_size=16, epochs=epochs, seed=seed, verbose=0)
    x, y = gd.data.windows(logs[known - past :], past, horizon)
    return tuple(np.exp(a) for a in (model.predict(x), x[:, -horizon:, 0], y[:, :, 0]))


def errors(forecast, naive, true):
    """The mean absolute error of each, in thousands of passengers."""
    return tuple(float(np.mean(np.abs(a - true))) for a in (forecast, naive))


def draw(forecast, naive, true, path="airline.png"):
    """The last window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.subplots()
    for line, name in ((true, "what came"), (forecast, "network"), (naive, "seasonal naive")):
        ax.plot(np.arange(1, len(line[-1]) + 1), line[-1], label=name)
    ax.set_xlabel("month")
    ax.set_ylabel("passengers (thousands)")
    ax.legend()
    figure.savefig(path)


def main(path):
    """Print both errors for three seeds."""
    gd.set_num_threads(1)
    months = read(path)
    for seed in range(3):
        found = forecasts(months, known=9 * YEAR, seed=seed)
        ours, naive = errors(*found)
        print(f"seed {seed}: mean error {ours:.1f} thousand; seasonal naive {naive:.1f}")
    if find_spec("matplotlib"):
        draw(*found)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/airline.py FILE, the path of the passengers by the month")
    main(sys.argv[1])
