"""A residual network on CIFAR-10: ResNet-20, 91 % of the test images.

The network of He et al. 2016, Deep residual learning for image recognition, section 4.2 (there 91.25 % in 164
epochs), with a rate that goes up and down in straight lines, in a quarter of the epochs.

    $ python examples/resnet20_cifar10.py FOLDER

FOLDER is that of the binary version of the set, cifar-10-batches-bin. It prints the loss of each epoch, the accuracy on
the test images as they are, and how the time compares with what the products of the training take at the machine's
measured peak. `--plain` trains without shifts and flips; `--help` lists what else can be changed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import gdcore as gd

MEAN, STD = np.array([0.4914, 0.4822, 0.4465]), np.array([0.2470, 0.2435, 0.2616])


def train(x, y, epochs=40, seed=0, batch=128, augment=True, callbacks=(), **settings):
    """A trained network; `settings` go to `compile`."""
    steps = epochs * -(-len(x) // batch)
    rate = gd.schedules.Piecewise([0, max(1, steps // 5), max(2, steps)], [0.02, 0.2, 0.0])
    optimizer = gd.SGD(rate, 0.9, nesterov=True, weight_decay=5e-4, coupled=True)
    scaled = [gd.Input((32, 32, 3)), gd.Rescaling(1 / 255 / STD, -MEAN / STD)]
    model = gd.Sequential([*scaled, gd.models.resnet20()])
    model.compile(optimizer, "cross_entropy", ["accuracy"], **settings)
    images = gd.data.augmented(x, shift=4, flip="random", border="zeros") if augment else x
    model.fit(images, y, batch, epochs, callbacks=callbacks, seed=seed, verbose=0)
    return model


def main():
    """Train once and print what comes of it."""
    parser = argparse.ArgumentParser(description="Train ResNet-20 on CIFAR-10.")
    parser.add_argument("folder", help="cifar-10-batches-bin, or the folder that it lies in")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, help="train on so many alone, to try it out")
    parser.add_argument("--compute", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--plain", action="store_true", help="train on images as they are")
    options = parser.parse_args()
    (x, y), (test, truth) = gd.datasets.cifar10(options.folder)
    x, y = x[: options.images], y[: options.images]
    show_epoch = gd.LambdaCallback(
        lambda epoch, logs: print(f"  epoch {epoch + 1}: loss {logs['loss']:.3f}", flush=True)
    )
    begun = time.perf_counter()
    model = train(
        x,
        y,
        options.epochs,
        options.seed,
        augment=not options.plain,
        callbacks=[show_epoch],
        compute=options.compute,
    )
    seconds = time.perf_counter() - begun
    accuracy = model.evaluate(test, truth)["accuracy"]
    print(f"seed {options.seed}: accuracy {accuracy:.2%}, trained in {seconds:.0f} s")
    sys.path.append(str(Path(__file__).resolve().parent.parent))
    from bench.recipes import compared_with_peak, machine, training_flops

    flops, _ = training_flops(model, options.epochs * len(x))
    print(compared_with_peak(flops, [seconds], options.compute), machine(), sep="\n")


if __name__ == "__main__":
    main()
