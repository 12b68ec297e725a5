"""Small colour images: 93 % of CIFAR-10's test images in eleven epochs.

The recipe is airbench93 (github.com/KellerJordan/cifar10-airbench; Jordan 2024, 94% on CIFAR-10 in 3.29 seconds on a
single GPU, arXiv 2404.00498): a fixed first layer that whitens, convolutions that begin as the identity, rates of
their own for biases, look-ahead, images that are shifted and flipped by turns, predictions from six views.

    $ python examples/cifar10.py FOLDER

FOLDER is that of the binary version of the set, cifar-10-batches-bin. It prints the accuracy on the test images and
the seconds of training for each seed, and how the time compares with what the products of the training take at the
machine's measured peak (a C compiler measures it). `--help` lists what can be changed.

    $ python examples/cifar10.py cifar-10-batches-bin --compute bfloat16
    seed 0: accuracy 93.10% (92.37% by one view), trained in 604 s
    mean of 1: 93.10%, 604 s
    180 TFLOP of products in 604.1 s, 298 GFLOP/s: 1.57 times what they take at the measured peak of 466 in bfloat16
    AMD EPYC, avx512, 2 threads, 2026-11-28
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import gdcore as gd

MEAN, STD = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2470, 0.2435, 0.2616])
MOMENTUM = 0.85
RATE, DECAY = 11.5 / 1024 / (1 + 1 / (1 - MOMENTUM)), 0.0153 / 11.5  # a sample; of the rate
DRAWN = gd.initializers.VarianceScaling(1 / 3, "in", "uniform")


def group(channels):
    """Two convolutions, half as many pixels to each side."""
    start = gd.initializers.Dirac(DRAWN)
    for pool in ([gd.MaxPool2D(2)], []):
        yield gd.Conv2D(channels, 3, padding="same", use_bias=False, kernel_initializer=start)
        yield from pool
        yield gd.BatchNorm(momentum=0.6, epsilon=1e-12, scale=False)
        yield gd.Activation("gelu")


def network(images, width=64):
    """The network, whose first layer whitens such images of bytes."""
    scaled = (images / 255 - MEAN) / STD
    model = gd.Sequential(
        [
            gd.Input((32, 32, 3)),
            gd.Rescaling(1 / 255 / STD, -MEAN / STD),
            gd.Conv2D(
                24, 2, kernel_initializer=gd.initializers.Whitening(scaled), name="whitening"
            ),
            gd.Activation("gelu"),
            *group(width),
            *group(2 * width),
            *group(2 * width),
            gd.MaxPool2D(3),
            gd.Flatten(),
            gd.Dense(10, use_bias=False, kernel_initializer=DRAWN),
            gd.Rescaling(1 / 9),
        ]
    )
    model.freeze("whitening.kernel")
    return model


def train(x, y, epochs=11, seed=0, width=64, batch=1000, augment=True, callbacks=(), **settings):
    """A trained network; `settings` go to `compile`."""
    each = -(-len(x) // batch)  # steps
    steps = epochs * each
    batch = min(batch, len(x))
    lines = np.array([0.2, 1.0, 0.07]) * RATE * batch
    rate = gd.schedules.Piecewise([0, max(1, int(0.23 * steps)), max(2, steps)], lines)
    groups = [
        {"match": "whitening.bias", "lr": gd.schedules.Until(rate, 3 * each)},
        {"match": "*.beta", "lr_scale": 64.0, "weight_decay": DECAY / 64},
    ]
    optimizer = gd.SGD(
        rate, MOMENTUM, nesterov=True, weight_decay=DECAY, coupled=True, groups=groups
    )
    loss = gd.losses.CrossEntropy(label_smoothing=0.2)
    model = network(x[:5000], width).compile(optimizer, loss, ["accuracy"], **settings)
    ahead = gd.WeightAverage(
        lambda step: 0.95**5 * min(1.0, step / steps) ** 3, every=5, look_ahead=True
    )
    images = gd.data.augmented(x, shift=2, flip="alternating") if augment else x
    model.fit(images, y, batch, epochs, callbacks=[ahead, *callbacks], seed=seed, verbose=0)
    return model


def accuracy(model, x, y):
    """The share of images that are told rightly, by six views of each."""
    return float((gd.predict_views(model, x, shift=1).argmax(1) == y).mean())


def main():
    """Train with some seeds and print what comes of it."""
    parser = argparse.ArgumentParser(description="Train airbench93's network on CIFAR-10.")
    parser.add_argument("folder", help="cifar-10-batches-bin, or the folder that it lies in")
    parser.add_argument("--epochs", type=int, default=11)
    parser.add_argument("--seeds", type=int, default=1, help="how many, from 0 on (default 1)")
    parser.add_argument("--width", type=int, default=64, help="channels of the first group")
    parser.add_argument("--images", type=int, help="train on so many alone, to try it out")
    parser.add_argument("--compute", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--plain", action="store_true", help="train on images as they are")
    options = parser.parse_args()
    (x, y), (test, truth) = gd.datasets.cifar10(options.folder)
    x, y = x[: options.images], y[: options.images]
    accuracies, seconds = [], []
    show_epoch = gd.LambdaCallback(
        lambda epoch, logs: print(f"  epoch {epoch + 1}: loss {logs['loss']:.3f}", flush=True)
    )
    for seed in range(options.seeds):
        begun = time.perf_counter()
        model = train(
            x,
            y,
            options.epochs,
            seed,
            options.width,
            augment=not options.plain,
            callbacks=[show_epoch],
            compute=options.compute,
        )
        seconds.append(time.perf_counter() - begun)
        accuracies.append(accuracy(model, test, truth))
        one = model.evaluate(test, truth)["accuracy"]
        print(
            f"seed {seed}: accuracy {accuracies[-1]:.2%} ({one:.2%} by one view), "
            f"trained in {seconds[-1]:.0f} s"
        )
    print(f"mean of {options.seeds}: {np.mean(accuracies):.2%}, {np.mean(seconds):.0f} s")
    sys.path.append(str(Path(__file__).resolve().parent.parent))
    from bench.recipes import compared_with_peak, machine, training_flops

    flops, _ = training_flops(model, options.epochs * len(x))
    print(compared_with_peak(flops, seconds, options.compute), machine(), sep="\n")


if __name__ == "__main__":
    main()
