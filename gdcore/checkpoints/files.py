"""Writes and reads checkpoint files, finds the newest one, and resumes a training run from it."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gdcore.checkpoints.folder import checkpoints
from gdcore.checkpoints.plain import pack, unpack
from gdcore.engine.engine import Engine
from gdcore.errors import listed
from gdcore.io import FileFormatError, model_file, safetensors
from gdcore.io.header import read_json
from gdcore.text.stored import describe
from gdcore.training.fit import Fit

FORMAT = "1"
# Names of tensors in a file that are neither variables nor optimizer slots.
_BESIDE = re.compile(r"(fit|constant):\d+|text:.*", re.DOTALL)


def save(engine: Engine, path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write a model and the state of its training to a file that `gd.load` reads too.

    Raises
    ------
    OSError
        If it cannot be written; what was there is left as it was.
    TypeError
        If a callback or a metric keeps what a file cannot hold.
    """
    text, tensors = pack(state)
    model_file.save(engine, path, tensors, {"fit": text, "fit_version": FORMAT})


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """(tensors, description of the model, state of training) of a checkpoint.

    Raises
    ------
    FileFormatError
        If it is no checkpoint, or damaged.
    OSError
        If it cannot be read.
    """
    tensors, metadata = safetensors.load(path)
    if metadata.get("format") != model_file.FORMAT or "fit" not in metadata:
        raise FileFormatError(
            f"{path}: not a checkpoint: expected a file that gd.Checkpoint wrote"
            + ("; a saved model is read with gd.load" if "model" in metadata else "")
        )
    if metadata.get("fit_version") != FORMAT:
        raise FileFormatError(
            f"{path}: checkpoint format {metadata.get('fit_version')!r}, expected {FORMAT}: "
            "a newer gdcore may read it"
        )
    try:
        model = read_json(metadata.get("model", ""))
        state = unpack(metadata["fit"], tensors)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{path}: {error}") from None
    if not isinstance(model, dict) or not isinstance(state, dict):
        raise FileFormatError(f"{path}: expected descriptions of a model and of its training")
    return tensors, model, state


def newest(folder: str | os.PathLike[str]) -> tuple[Path, Any] | None:
    """The newest readable checkpoint of a folder, and what `read` gives of it; None if there is none.

    Raises
    ------
    ValueError
        If there are checkpoints and none of them can be read.
    """
    found = checkpoints(folder)
    for _, path in reversed(found):
        try:
            content = read(path)
        except (FileFormatError, FileNotFoundError) as error:
            warnings.warn(f"checkpoint left out: {error}", stacklevel=4)
            continue
        return path, content
    if found:
        raise ValueError(
            f"none of the {len(found)} checkpoints in {os.fspath(folder)!r} can be read: "
            "move them away to begin anew"
        )
    return None


def resume(source: str | os.PathLike[str], fit: Fit, seed: int | None = None) -> None:
    """Set a model and a call of `fit` to the state in a checkpoint.

    Parameters
    ----------
    source : path
        A file, or a folder, of which the newest readable checkpoint is taken; where a folder is
        empty or missing, nothing is done.
    fit : Fit
    seed : int, optional
        The seed that `fit` was given, which must be the checkpoint's.

    Raises
    ------
    OSError
        If a file is missing or cannot be read.
    ValueError
        If it is damaged, or of another model, optimizer or training run; nothing has been changed.
    """
    path = Path(source)
    if path.is_file() or path.suffix == ".safetensors":
        content = read(path)
    else:
        if path.exists() and not path.is_dir():
            raise ValueError(f"resume_from={os.fspath(source)!r}: expected a file or a folder")
        found = newest(path)
        if found is None:
            return
        path, content = found
    try:
        _set(fit, seed, *content)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _set(
    fit: Fit, seed: int | None, tensors: dict[str, Any], model: dict[str, Any], state: Any
) -> None:
    fit.go_on(state)
    numbers = {}
    for key in ("seed", "steps_done", "epochs_done"):
        text = str(model.get(key))
        if not text.isdigit() or len(text) > 20 or int(text) >= 2**64:
            raise ValueError(f"{key!r} is {text:.40}: expected a count")
        numbers[key] = int(text)
    if not state["step"] <= numbers["steps_done"] < 2**62 or numbers["epochs_done"] >= 2**62:
        raise ValueError(
            f"'steps_done' is {numbers['steps_done']} and 'epochs_done' {numbers['epochs_done']}, "
            f"with {state['step']} steps of an epoch: expected counts of one training run"
        )
    if seed is not None and seed != numbers["seed"]:
        raise ValueError(
            f"the checkpoint's seed is {numbers['seed']} and fit got seed={seed}: "
            "give the same, or none"
        )
    memory = fit.engine.parameters()
    names = memory.network.names
    own = {names[v]: memory.within(v) for v in memory.variables}
    own |= model_file.slots_of(memory)
    # The file must hold every variable and slot, with the same name, shape and type, and nothing else.
    theirs = {k for k in tensors if not _BESIDE.fullmatch(k)}
    if theirs != set(own):
        missing, more = sorted(set(own) - theirs), sorted(theirs - set(own))
        raise ValueError(
            "the checkpoint is of another model or optimizer: "
            + "; ".join(
                f"{what} {listed(which, 4)}"
                for what, which in (("it lacks", missing), ("it holds besides", more))
                if which
            )
        )
    for name, view in own.items():
        array = tensors[name]
        if array.shape != view.shape or array.dtype != view.dtype:
            raise ValueError(
                f"{name!r} is {array.dtype} of shape {array.shape}, and the model's is "
                f"{view.dtype} of shape {view.shape}: compile the same model with the same dtype"
            )
        if not np.isfinite(array).all() and not name.startswith("slot:"):
            raise ValueError(f"{name!r} holds NaN or infinity: damaged")
    words = describe(memory.network.inputs)[1]
    known = {k for k in tensors if k.startswith("text:")}
    if known != set(words) or not all(np.array_equal(tensors[k], a) for k, a in words.items()):
        raise ValueError(
            "the checkpoint's vocabulary is not the model's: fit the vectorizer to the same texts, with the same "
            "settings"
        )
    with memory.lock:
        for name, view in own.items():
            view[...] = tensors[name]
    fit.engine.resume(numbers["seed"], numbers["steps_done"], numbers["epochs_done"])
