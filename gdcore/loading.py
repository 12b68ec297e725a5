"""Models made of the files that `Model.save` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from gdcore import losses as loss_functions
from gdcore import optimizers
from gdcore.engine.engine import engine_of
from gdcore.errors import cut
from gdcore.graph.ir import Value
from gdcore.io import model_file
from gdcore.io.graph_json import from_json
from gdcore.io.graph_kinds import bad, real, whole
from gdcore.io.safetensors import FileFormatError
from gdcore.lazy import LazyTable
from gdcore.losses import Custom, Loss
from gdcore.model import Model
from gdcore.text.stored import restore

MOST_METRICS = 1000

# Kinds of files that hold more than a model, by a key of its `info`; each class has `of(model)`.
KINDS: LazyTable[Any] = LazyTable({"table": "gdcore.tabular.model:TableModel"})


def load(path: str | PathLike[str]) -> Any:
    """Load a model from a file that its `save` wrote.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    Model, or `gdcore.tabular.TableModel` if one was saved

    Raises
    ------
    FileNotFoundError, OSError
        If it cannot be read.
    ValueError
        If it is not a model, or damaged: one line says what is wrong. Nothing in a file is
        executed.

    Examples
    --------
    >>> import gdcore as gd, tempfile, os
    >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> model.save(path)
    >>> gd.load(path).predict([[1.0, 2.0, 3.0]]).shape
    (1, 2)
    """
    model = load_network(path)
    kind = next((k for k in KINDS if k in model.info), None)
    if kind is None:
        return model
    try:
        return KINDS[kind].of(model)
    except ValueError as error:
        raise FileFormatError(f"{path}: {error}") from None


def load_network(path: str | PathLike[str]) -> Model:
    """Load the model in a file; for a file of a TableModel, its network, which takes encoded columns.

    Raises
    ------
    OSError, ValueError
        As `load`.
    """
    description, tensors = model_file.read(path)
    try:
        return _model(description, tensors)
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from None
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise FileFormatError(
            f"{path}: the model's description does not make sense ({cut(error, 200)})"
        ) from None


def _model(data: dict[str, Any], tensors: Mapping[str, np.ndarray]) -> Model:
    model = Model.__new__(Model)
    inputs, outputs, names, variables = from_json(data.get("graph"), model, tensors)
    restore(data.get("text", {}), inputs, tensors)
    Model.__init__(
        model,
        inputs,
        dict(zip(names, outputs, strict=True)) if names is not None else _one(outputs),
    )
    model.variables.update(variables)
    for name, v in variables.items():
        array = tensors.get(name)
        if array is None or array.shape != v.shape or array.dtype.kind != "f":
            raise bad(
                f"tensor {name!r}",
                None if array is None else array.shape,
                f"floats of shape {v.shape}",
            )
        v.data = array
    dtype = data.get("dtype")
    if dtype not in ("float32", "float64"):
        raise bad("'dtype'", dtype, "'float32' or 'float64'")
    compiled = data.get("compiled")
    if compiled is not None:
        _compile(model, compiled, dtype, len(outputs))
    else:
        model.set_dtype(dtype)
    info = data.get("info")
    if not isinstance(info, dict):
        raise bad("'info'", info, "an object")
    model.info = info
    engine_of(model).columns = _columns(data.get("columns", {}))
    seed = data.get("seed")
    if not isinstance(seed, str) or not seed.isdigit() or int(seed) >= 2**64:
        raise bad("'seed'", seed, "a whole number below 2**64 as text")
    model.resume(
        int(seed),
        whole(data.get("steps_done"), "'steps_done'", 0, 2**62),
        whole(data.get("epochs_done"), "'epochs_done'", 0, 2**62),
    )
    for name, own in model_file.slots_of(engine_of(model).parameters()).items():
        array = tensors.get(name)
        if array is None or array.shape != own.shape or array.dtype.kind != "f":
            raise bad(
                f"tensor {name!r}",
                None if array is None else array.shape,
                f"floats of shape {own.shape}",
            )
        own[...] = array
    return model


def _columns(data: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(data, dict) or not all(
        isinstance(names, list) and all(isinstance(n, str) for n in names)
        for names in data.values()
    ):
        raise bad("'columns'", data, "names of columns by input")
    return {what: tuple(names) for what, names in data.items()}


def _one(outputs: list[Value]) -> Any:
    return outputs[0] if len(outputs) == 1 else outputs


def _compile(model: Model, compiled: Any, dtype: str, outputs: int) -> None:
    if (
        not isinstance(compiled, dict)
        or not isinstance(compiled.get("losses"), list)
        or len(compiled["losses"]) != outputs
    ):
        raise bad("'compiled'", compiled, "a loss for each output")
    described = compiled.get("optimizer")
    optimizer = optimizers.from_config(described) if described is not None else optimizers.SGD(0.0)
    state = compiled.get("schedule_state")
    if state is not None and not isinstance(state, dict):
        raise bad("'schedule_state'", state, "an object")
    if state:
        optimizer.schedule.load_state_dict(state)
    metrics = compiled.get("metrics", [])
    if not isinstance(metrics, list) or len(metrics) > MOST_METRICS:
        got = f"{len(metrics)} of them" if isinstance(metrics, list) else metrics
        raise bad("'metrics'", got, f"a list of at most {MOST_METRICS} names")
    model.compile(
        optimizer,
        [_loss(f) for f in compiled["losses"]],
        [str(m) for m in metrics],
        dtype,
        [real(w) for w in compiled.get("loss_weights", [])],
        compiled.get("compute", "float32"),
    )


def _loss(config: Any) -> Loss:
    if not isinstance(config, dict) or not isinstance(config.get("name"), str):
        raise bad("a loss", config, "its name and settings")
    settings = {k: v for k, v in config.items() if k != "name"}
    name = config["name"]
    if settings.get("custom") is True:

        def missing(pred: Value, target: Value) -> Value:
            raise ValueError(
                f"this model was trained with the loss {name!r} of your own, "
                "which a file cannot hold: call "
                "model.compile(optimizer, loss) before you train or evaluate"
            )

        missing.__name__ = name
        return Custom(missing)
    if name not in loss_functions.LOSSES:
        raise bad("a loss", name, f"one of {', '.join(loss_functions.LOSSES)}")
    flags = {"from_logits": settings.pop("from_logits", None)} if "from_logits" in settings else {}
    numbers = {
        k: tuple(map(real, v)) if isinstance(v, list) else real(v) for k, v in settings.items()
    }
    return loss_functions.LOSSES[name](**numbers, **flags)
