"""Forecasts of an electricity transformer: 96 hours of 7 series from the 336 hours before, by three networks.

ETTh1 (Zhou et al. 2021, Informer) has two years by the hour. As is customary 12 months are for training, 4 for
validation and 4 for the test; series are standardised by those of training, and the error is the mean square over
all series, hours and windows of the test. Each network forecasts every series by itself, with the same weights:

- linear: one matrix for the moving average over a day, one for the rest (Zeng et al. 2023, DLinear);
- lstm: reads the days, 24 hours each, of the series less its mean and divided by its deviation, which the forecast
  gets back (Kim et al. 2022, reversible instance normalization);
- patches: likewise, by two blocks of a transformer (Nie et al. 2023, PatchTST).

The set is ETTh1.csv of github.com/zhouhaoyi/ETDataset. With matplotlib a drawing of forecasts beside what came is
written.

    $ python examples/etth1.py FILE

On one thread of an AMD Zen 3 with AVX2, 28 November 2026, the mean of three seeds and each, seconds of the processor:

    linear   test MSE 0.3742 (0.3742, 0.3756, 0.3730), trained in 5 s
    lstm     test MSE 0.3786 (0.3779, 0.3787, 0.3792), trained in 15 s
    patches  test MSE 0.3849 (0.3841, 0.3869, 0.3838), trained in 21 s
"""

from __future__ import annotations

import csv
import sys
import time
from importlib.util import find_spec

import numpy as np

import gdcore as gd
from gdcore import ops

MONTH = 30 * 24
DAY = 24


def read(path, month=MONTH):
    """The series of training, of validation and of the test, standardised, each (hours, series)."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    series = np.array([row[1:] for row in rows[1:]], np.float64)
    if len(series) < 20 * month:
        sys.exit(f"{path} has {len(series)} hours: expected at least {20 * month}")
    known = series[: 12 * month]
    series = ((series - known.mean(0)) / known.std(0)).astype(np.float32)
    return series[: 12 * month], series[12 * month : 16 * month], series[16 * month : 20 * month]


def data(parts, past, horizon):
    """Windows (x, y) of each part; those of validation and test see the end of the part before."""
    before = [parts[0][:0], parts[0][-past:], parts[1][-past:]]
    return [
        gd.data.windows(np.concatenate(pair), past, horizon)
        for pair in zip(before, parts, strict=True)
    ]


def averaging(steps, width=DAY + 1):
    """A matrix that takes the mean of the neighbours of each step; beyond an end that one is repeated."""
    at = np.arange(steps)[:, None] + np.arange(width) - width // 2
    matrix = np.zeros((steps, steps))
    np.add.at(matrix, (np.clip(at, 0, steps - 1), np.arange(steps)[:, None]), 1 / width)
    return matrix


class Linear(gd.Model):
    """The moving average and the rest, each by a matrix."""

    def __init__(self, past, horizon):
        start = 1 / past
        self.trend = gd.Dense(horizon, kernel_initializer=start)
        self.rest = gd.Dense(horizon, kernel_initializer=start)
        self.average = averaging(past)

    def forward(self, x):
        x = ops.transpose(x, (0, 2, 1))  # (windows, series, hours)
        trend = x @ self.average
        return ops.transpose(self.trend(trend) + self.rest(x - trend), (0, 2, 1))


class ByDays(gd.Model):
    """What LSTM and transformer share: days of series of mean 0 and deviation 1."""

    def forward(self, x):
        windows, hours, series = x.shape
        x = ops.transpose(x, (0, 2, 1))
        mean = ops.mean(x, -1, keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(x - mean), -1, keepdims=True) + 1e-5)
        days = ops.reshape((x - mean) / deviation, (windows * series, hours // DAY, DAY))
        y = ops.reshape(self.forecast(days), (windows, series, self.horizon))
        return ops.transpose(y * deviation + mean, (0, 2, 1))


class Lstm(ByDays):
    """The state after the last day gives the forecast."""

    def __init__(self, horizon, units=64):
        self.horizon = horizon
        self.loop, self.head = gd.LSTM(units), gd.Dense(horizon)

    def forecast(self, days):
        return self.head(self.loop(days))


class Patches(ByDays):
    """Each day a vector, which attend to one another; all of them give the forecast."""

    def __init__(self, horizon, width=32, heads=4, hidden=64, blocks=2, dropout=0.1):
        self.horizon = horizon
        self.embed = gd.Dense(width)
        self.place = gd.PositionalEncoding("learned")
        self.dropout = gd.Dropout(dropout)
        self.blocks = [
            gd.TransformerEncoder(heads, hidden, "gelu", dropout, norm_first=True)
            for _ in range(blocks)
        ]
        self.head = gd.Dense(horizon)

    def forecast(self, days):
        z = self.dropout(self.place(self.embed(days)))
        for block in self.blocks:
            z = block(z)
        return self.head(gd.Flatten()(z))


def train(model, train_data, validation, rate, epochs, batch, seed=0):
    """The weights of the epoch with the least error of validation."""
    steps = epochs * (len(train_data[0]) // batch)
    model.compile(gd.Adam(gd.schedules.Cosine(rate, steps)), "mse")
    best = gd.EarlyStopping(patience=epochs, restore_best_weights=True)
    model.fit(
        *train_data,
        batch_size=batch,
        epochs=epochs,
        validation_data=validation,
        callbacks=[best],
        seed=seed,
        verbose=0,
    )
    return model


def draw(forecasts, x, y, path="etth1.png", column=-1, shown=4 * DAY):
    """Forecasts of the oil temperature beside what came, of four windows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    at = np.linspace(0, len(x) - 1, 4).astype(int)
    for ax, i in zip(figure.subplots(2, 2).flat, at, strict=True):
        ax.plot(np.arange(-shown, 0), x[i, -shown:, column], color="0.5")
        ax.plot(y[i, :, column], color="black", label="what came")
        for name, forecast in forecasts.items():
            ax.plot(forecast[i, :, column], label=name, linewidth=1)
        ax.set(xlabel="hours", ylabel="oil temperature, standardised")
    ax.legend()
    figure.savefig(path)


def main(path, past=336, horizon=96):
    """Print the error of each network on the test, and the seconds of the processor that its training took."""
    gd.set_num_threads(1)
    parts = data(read(path), past, horizon)
    networks = {
        "linear": (lambda: Linear(past, horizon), 1e-4, 8, 32),
        "lstm": (lambda: Lstm(horizon), 1e-3, 5, 64),
        "patches": (lambda: Patches(horizon), 2e-3, 4, 64),
    }
    forecasts = {}
    for name, (make, *settings) in networks.items():
        begun, found = time.process_time(), []
        for seed in range(3):
            model = train(make(), *parts[:2], *settings, seed=seed)
            forecasts[name] = model.predict(parts[2][0])
            found.append(np.mean((forecasts[name] - parts[2][1]) ** 2, dtype=np.float64))
        seconds = (time.process_time() - begun) / 3
        each = ", ".join(f"{error:.4f}" for error in found)
        print(
            f"{name:8} test MSE {np.mean(found):.4f} ({each}), trained in {seconds:.0f} s",
            flush=True,
        )
    if find_spec("matplotlib"):
        draw(forecasts, *parts[2])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/etth1.py FILE, the path of ETTh1.csv")
    main(sys.argv[1])
