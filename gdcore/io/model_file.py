"""Models in safetensors files: weights and optimizer state as tensors, all else as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from gdcore import metrics as metric_functions
from gdcore import optimizers
from gdcore.engine.engine import Engine
from gdcore.engine.parameters import Parameters
from gdcore.errors import cut
from gdcore.io import safetensors
from gdcore.io.graph_json import to_json
from gdcore.io.graph_kinds import bad
from gdcore.io.header import read_json
from gdcore.io.safetensors import FileFormatError
from gdcore.names import check_suffix
from gdcore.text.stored import describe

FORMAT = "gdcore model"
VERSION = 1


def save(
    engine: Engine,
    path: str | PathLike[str],
    more: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a model to a safetensors file; what was there stays until the new file is complete.

    Parameters
    ----------
    engine : Engine
        Of the model.
    path : str or path
    more, metadata : mapping, optional
        Tensors and text that the file shall hold beside the model.

    Raises
    ------
    OSError
        If it cannot be written.
    ValueError
        If the name is that of another format.
    """
    check_suffix(path)
    memory = engine.parameters()
    graph, tensors = to_json(memory.network, set(memory.trainable()))
    names = memory.network.names
    everything = {names[v]: memory.within(v) for v in memory.variables}
    everything |= slots_of(memory)
    everything |= tensors
    text, learned = describe(memory.network.inputs)
    everything |= learned
    everything |= more or {}
    description = {
        "graph": graph,
        "dtype": memory.dtype.name,
        "compiled": _compiled(engine),
        "seed": str(engine.seed),
        "steps_done": engine.steps_done,
        "epochs_done": engine.epochs_done,
        "info": engine.info,
        "text": text,
        "columns": {what: list(names) for what, names in engine.columns.items()},
    }
    try:
        header = json.dumps(description, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"model.info cannot be written as JSON ({error}): "
            "keep numbers, text, lists and dicts in it"
        ) from None
    safetensors.save(
        path,
        everything,
        {"format": FORMAT, "version": str(VERSION), "model": header, **(metadata or {})},
    )


def slots_of(memory: Parameters) -> dict[str, np.ndarray]:
    """The optimizer slots of each parameter, as views, by their names in the file."""
    return {
        f"slot:{slot}:{memory.network.names[p]}": memory.slot(p, slot)
        for p in memory.trainable()
        for slot in memory.slot_names
    }


def _compiled(engine: Engine) -> dict[str, Any] | None:
    settings = engine.settings
    if settings.optimizer is None:
        return None
    metrics = []
    for m in settings.metrics:
        try:
            metric_functions.get(m.name)
            metrics.append(m.name)
        except ValueError:  # a user's function cannot be saved
            continue
    optimizer = settings.optimizer
    known = optimizers.OPTIMIZERS.get(optimizer.name) is type(optimizer)
    try:
        described = optimizer.config() if known else None
    except (TypeError, ValueError):  # a user's schedule
        described = None
    return {
        "losses": [f.config() for f in settings.losses],
        "loss_weights": list(settings.loss_weights),
        "metrics": metrics,
        "compute": settings.compute,
        "optimizer": described,
        "schedule_state": (described and optimizer.schedule.state_dict()) or None,
    }


def read(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(description of the model, tensors) of a file that `save` wrote; not validated yet.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    OSError, FileFormatError
        If it cannot be read, or is no model.
    """
    tensors, metadata = safetensors.load(path)
    if metadata.get("format") != FORMAT:
        raise FileFormatError(
            f"{path}: a safetensors file without a gdcore model: "
            "expected one that model.save wrote; "
            "to use its tensors, read it with gdcore.io.safetensors.load and call load_state_dict"
        )
    if metadata.get("version") != str(VERSION):
        raise FileFormatError(
            f"{path}: model format {metadata.get('version')!r}, expected {VERSION}: "
            "a newer gdcore may read it"
        )
    try:
        description = read_json(metadata.get("model", ""))
    except FileFormatError as error:
        raise FileFormatError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise FileFormatError(
            f"{path}: the model's description does not make sense ({cut(error, 200)})"
        ) from None
    if not isinstance(description, dict):
        raise FileFormatError(f"{path}: {bad('the description', description, 'an object')}")
    return description, tensors
