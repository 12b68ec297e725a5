"""Writes ops/map_chains.h: the elementwise passes of common networks, each as one loop.

python csrc/make_chains.py            writes it, with the gdcore that is installed
python csrc/make_chains.py --check    ends with 1 if it would change

Which passes are common is read off the plans of the networks below: every optimizer, activation and loss,
with and without the usual trimmings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import gdcore as gd
from gdcore.engine.engine import engine_of
from gdcore.graph.passes import chains
from gdcore.graph.plan import CODES
from gdcore.graph.program import Instruction
from gdcore.training.evaluate import training_step
from gdcore.training.prepare import prepare

FILE = Path(__file__).with_name("ops") / "map_chains.h"
ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "silu", "elu", "leaky_relu", "softplus")
OPTIMIZERS = (
    gd.SGD(0.1),
    gd.SGD(0.1, momentum=0.9),
    gd.SGD(0.1, momentum=0.9, nesterov=True),
    gd.SGD(0.1, weight_decay=0.1),
    gd.SGD(0.1, momentum=0.9, weight_decay=0.1),
    gd.Adam(),
    gd.Adam(clip_norm=1.0),
    gd.AdamW(),
    gd.AdamW(clip_norm=1.0),
    gd.AMSGrad(),
    gd.Nadam(),
    gd.RMSprop(),
    gd.Adagrad(),
    gd.Adadelta(),
)
LOSSES = ("mse", "mae", "huber", "cross_entropy", "binary_cross_entropy")

HEAD = """/* map_chains.h: common chains of elementwise operations, each as one loop. Written by csrc/make_chains.py.
 *
 * map.c includes it for the loops, dispatch.c for their keys: "vvs>1:add 3 0 1;..." are two vectors and
 * one number for each row in, one vector out, and what is done to which registers. The number of a chain
 * in a plan is its place in the list of keys.
 */
#ifndef GD_MAP_CHAINS_H
#define GD_MAP_CHAINS_H

"""

MACROS = """
#ifdef GD_PRECISION
#define CHAIN(i) static void chain_##i(const map_region *t)
#define NUMBER(i) const vec q##i = v_set1((real)t->par[2 * i]);
#define EACH_ROW for (int64_t row = 0; row < t->rows; ++row)
#define ROW(k) const vec s##k = v_set1(t->x[k].p[row * t->x[k].row]);
#define VECTOR(k) const real *x_##k = t->x[k].p + row * t->x[k].row;
#define OUTPUT(k) real *y_##k = t->y[k] + row * t->y_row;
#define LOAD(k) (whole ? v_load(x_##k + i) : v_load_n(x_##k + i, t->n - i))
#define STORE(k, value) if (whole) v_store(y_##k + i, value); else v_store_n(y_##k + i, value, t->n - i)
#define EACH_VECTOR(...)                               \\
  int64_t i = 0;                                       \\
  for (; i + VL <= t->n; i += VL) {                    \\
    enum { whole = 1 };                                \\
    __VA_ARGS__                                        \\
  }                                                    \\
  if (i < t->n) {                                      \\
    enum { whole = 0 };                                \\
    __VA_ARGS__                                        \\
  }

"""

FOOT = """
#undef CHAIN
#undef NUMBER
#undef EACH_ROW
#undef ROW
#undef VECTOR
#undef OUTPUT
#undef LOAD
#undef STORE
#undef EACH_VECTOR
#endif

#endif
"""


def networks() -> Iterator[tuple[gd.Model, tuple[int, ...]]]:
    """One compiled model for each thing that is common, and the shape of a sample."""

    def dense(activation: str, *between: Any, classes: int = 3) -> gd.Sequential:
        hidden = [gd.Dense(40), gd.Activation(activation), *between]
        again = [gd.Dense(40), gd.Activation(activation), *between]
        return gd.Sequential([gd.Input(33), *hidden, *again, gd.Dense(classes)])

    def normed(activation: str) -> gd.Model:
        """As networks of convolutions have it: a norm before each activation, and residual blocks."""
        bend = gd.activations.get(activation)

        def norm(x: Any) -> Any:
            return gd.BatchNorm()(gd.Dense(96, use_bias=False)(x))

        x = gd.Input(33)
        y = bend(norm(x))
        z = bend(norm(bend(norm(y))) + y)
        w = bend(z + norm(bend(norm(z))))
        return gd.Model(x, gd.Dense(3)(bend(norm(w) + norm(w))))

    for activation in ACTIVATIONS:
        yield dense(activation).compile(gd.Adam(), "mse"), (33,)
    for optimizer in OPTIMIZERS:
        yield dense("relu").compile(optimizer, "mse"), (33,)
    for loss in LOSSES:
        classes = 1 if loss == "binary_cross_entropy" else 3
        yield dense("relu", classes=classes).compile("sgd", loss), (33,)
    for activation in ("mish", "selu"):  # RealMLP's, of tables
        layers = [
            made
            for _ in range(2)
            for made in (
                gd.Dense(96, ntk=True), gd.ParametricActivation(activation), gd.Dropout(0.1)
            )
        ]  # fmt: skip
        layers = [gd.Input(33), *layers, gd.Dense(3, ntk=True)]
        yield gd.Sequential(layers).compile("sgd", "mse"), (33,)
    for norm in (gd.BatchNorm(), gd.LayerNorm()):
        yield dense("relu", norm).compile("sgd", "mse"), (33,)
    for activation in ("relu", "relu6", "gelu"):
        yield normed(activation).compile("sgd", "mse"), (33,)
    for first in (False, True):
        block = gd.TransformerEncoder(2, 40, "gelu", norm_first=first)
        yield gd.Sequential([gd.Input((7, 34)), block, gd.Dense(3)]).compile("sgd", "mse"), (7, 34)
    for layer in (gd.LSTM, gd.GRU, gd.SimpleRNN):
        for every in (False, True):
            layers = [layer(40, return_sequences=every), gd.Dense(3)]
            yield gd.Sequential([gd.Input((7, 33)), *layers]).compile("sgd", "mse"), (7, 33)


def passes(model: gd.Model, shape: tuple[int, ...], batch: int) -> Iterator[Instruction]:
    """The elementwise passes of a training and of a prediction plan."""
    x = np.zeros((batch, *shape), np.float32)
    classes = model.losses[0].config()["name"] == "cross_entropy"
    y = (
        np.zeros(batch, np.int32)
        if classes
        else np.zeros((batch, *model.predict(x).shape[1:]), np.float32)
    )
    data = prepare(engine_of(model), x, y)
    engine = engine_of(model)
    steps = [
        training_step(engine, data, batch, keep_outputs=False),
        engine.builder(data.inputs).predict(batch),
    ]
    for step in steps:
        for plan in (step.session.plan, *step.session.plan.bodies()):
            for ins in plan.instructions:
                for part in (ins, ins.then):
                    if part is not None and part.kernel == "map":
                        yield part


def key_of(ins: Instruction) -> str:
    """The key of a pass, read off the instruction."""
    nd, n_out, n_in, n_code, _, _ = ins.attrs[:6]
    kinds, code = ins.attrs[6 : 6 + n_in], ins.attrs[6 + n_in :]
    rows = [
        kind in (2, 3) or (kind == 1 and ins.dims[nd * (k + 1) + nd - 1] == (0, 0))
        for k, kind in enumerate(kinds)
    ]
    names = {number: name for name, number in CODES.ops.items()}
    return chains.chain_key(rows, n_out, [names[c] for c in code[: 5 * n_code : 5]], code)


def text() -> str:
    """The whole file."""
    found: dict[str, str] = {}
    for batch in (48, 1):  # the updates of a single sample are others
        for model, shape in networks():
            for ins in passes(model, shape, batch):
                key = key_of(ins)
                # what is done with numbers alone, or once for a whole tensor, needs no loop
                if key in found or "v" not in key.split(">")[0]:
                    continue
                try:
                    found[key] = chains.as_c(key, len(found))
                except ValueError:
                    continue
    keys = " \\\n".join(["#define GD_CHAIN_KEYS(X)", *(f'  X("{key}")' for key in found)])
    table = "".join(f"chain_{i}, " for i in range(len(found)))
    loops = "\n\n".join(found.values())
    return (
        HEAD
        + keys
        + "\n"
        + MACROS
        + loops
        + f"\n\nstatic const chain_fn chain_fns[] = {{{table}0}};\n"
        + FOOT
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    new = text()
    if parser.parse_args().check:
        if new == FILE.read_text():
            return 0
        print(
            f"{FILE.name} is not what it would be now: run python csrc/make_chains.py",
            file=sys.stderr,
        )
        return 1
    FILE.write_text(new)
    print(f"{FILE.name}: {new.count('CHAIN(') - 1} chains, {len(new):,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
