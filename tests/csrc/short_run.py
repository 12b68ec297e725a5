"""A little of everything that C does, for tools that make it slow: see .ci/valgrind."""

import sys

import numpy as np

import gdcore as gd
from gdcore import runtime
from gdcore.engine import thread_count

thread_count.MIN_WORK = 0
gd.set_num_threads(2)
rng = np.random.default_rng(0)
x = rng.normal(size=(53, 12))
images = rng.integers(0, 255, size=(21, 6, 5, 2), dtype=np.uint8)
names = rng.integers(0, 3, 53)


def tabular():
    return gd.Sequential(
        [
            gd.Dense(19, activation="gelu"),
            gd.BatchNorm(),
            gd.Dropout(0.2),
            gd.LayerNorm(),
            gd.Dense(3),
        ]
    )


for dtype in ("float32", "float64"):
    model = tabular().compile(gd.AdamW(1e-3), "cross_entropy", metrics=["accuracy"], dtype=dtype)
    model.fit(x.astype("f"), names, epochs=2, batch_size=16, seed=0, validation_split=0.2)
    assert np.isfinite(model.predict(x)).all()  # a number that nobody wrote would be noticed here
    assert np.isfinite(list(model.evaluate(x, names).values())).all()
pictures = gd.Sequential([gd.Conv2D(4, 3, activation="relu"), gd.Flatten(), gd.Dense(2)])
pictures.compile("sgd", "mse")
pictures.fit(images, rng.normal(size=(21, 2)).astype("f"), batch_size=8, seed=0)
assert np.isfinite(pictures.predict(images)).all()
print(f"{runtime.ISA_NAME}: {sum(w.size for w in model.get_weights())} parameters", file=sys.stderr)
