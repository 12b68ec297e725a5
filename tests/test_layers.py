"""Every layer: forward against NumPy, gradients of parameters and inputs against central differences."""

import inspect
import pkgutil
from importlib import import_module

import numpy as np
import pytest
from differences import assert_gradient, central_differences
from harness import TOLERANCE, close
from layer_table import CASES, RANDOM, data, network, set_random_weights

import gdcore as gd
from gdcore import layers


def test_every_layer_is_public():
    """So that it is in the table, over which tests of layers, of ONNX, of copies and of summaries run."""
    parts = [import_module(m.name) for m in pkgutil.iter_modules(layers.__path__, "gdcore.layers.")]
    written = {
        name
        for part in parts
        for name, item in vars(part).items()
        if inspect.isclass(item) and issubclass(item, gd.Layer) and item.__module__ == part.__name__
        if not name.startswith("_")
    }
    assert written | {"Input"} == set(layers.__all__) <= set(gd.__all__)
    for module, names in layers.LATER.items():  # which are imported when they are asked for
        assert list(names) == import_module(f"gdcore.layers.{module}").__all__


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", CASES)
def test_forward(name, bits, isa):
    """Prediction for a batch, in several batches, for one sample and for none."""
    case = CASES[name]
    model = network(case, f"float{bits}")
    weights = set_random_weights(model)
    for rows in (5, 1, 0, 23):
        xs = data(case, rows, rows)
        got = model.predict(tuple(xs) if len(xs) > 1 else xs[0], batch_size=16)
        assert got.dtype == f"float{bits}" and len(got) == rows
        if rows:
            close(got, case.formula(xs, weights), TOLERANCE[bits] * 4)


class Table(gd.Layer):
    """Samples of a data set that is itself a parameter, so that the gradient of each input can be read."""

    def __init__(self, arrays):
        self.arrays = arrays

    def forward(self, rows):
        tables = [self.param(f"x{i}", (len(a), a[0].size)) for i, a in enumerate(self.arrays)]
        return [
            gd.ops.reshape(gd.ops.take(t, rows), (rows.shape[0], *a.shape[1:]))
            for t, a in zip(tables, self.arrays, strict=True)
        ]


class Around(gd.Model):
    """A layer whose inputs come from tables."""

    def __init__(self, layer, arrays):
        self.table, self.layer = Table(arrays), layer

    def forward(self, rows):
        found = self.table(rows)
        return self.layer(found) if len(found) > 1 else self.layer(found[0])


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize("name", [n for n in CASES if n not in RANDOM])
def test_gradients(name, rows, isa):
    """Of every parameter and every input, in float64, against differences of the NumPy formula of training."""
    case = CASES[name]
    xs = data(case, rows, 2)
    model = network(case) if case.numbers else Around(case.make(), xs)
    model.compile(
        optimizer="sgd", loss=lambda pred, factor: gd.ops.sum(pred * factor), dtype="float64"
    )
    fed = xs[0] if case.numbers else np.arange(rows)
    model._engine.network([fed])
    tables = [] if case.numbers else xs
    weights = set_random_weights(model)[len(tables) :]
    model.load_state_dict(
        {f"table.x{i}": x.reshape(rows, -1) for i, x in enumerate(tables)}, strict=False
    )
    formula = case.training or case.formula
    factor = np.random.default_rng(3).normal(size=formula(xs, weights).shape)
    got = list(model.gradients(fed, factor).values())
    moved = [*tables, *weights[: len(got) - len(tables)]]  # what comes after is state
    want = central_differences(lambda: (formula(xs, weights) * factor).sum(), moved, at_most=80)
    assert len(got) == len(want)
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        # where batch norm sees one sample, what it puts out does not depend on the input, and all is 0
        assert_gradient(g.reshape(w.shape), w, floor=1e-2, what=f"{name} {i}")
