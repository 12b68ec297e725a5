"""The position of a call of `fit` as a state that can be saved, and resuming from it.

All random numbers are functions of the seed and of counters. So the state holds the seed, the counters and
the sums of the current epoch; parameters, states and optimizer slots are saved beside it.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gdcore.callbacks import Callback, Saver
from gdcore.data.dataset import Data
from gdcore.data.image_rows import AugmentedImages
from gdcore.data.sparse import SparseRows
from gdcore.engine.engine import Engine
from gdcore.errors import cut, listed
from gdcore.metrics import Metric
from gdcore.training.sweep import Tally

SAMPLES = 64  # rows of each array that go into its checksum


class FitState:
    """The arguments of a call of `fit`, and its position.

    Attributes
    ----------
    engine : Engine
    data : Data
    batch : int
    shuffle : bool, str or callable
    metrics : list of Metric
        Those of `bound_metrics`.
    callbacks : list of Callback
    savers : list of Callback
        Those that write checkpoints.
    at_epoch, at_step : int
        Epochs completed, and steps completed of the current one.
    tally : Tally
        Sums of loss and metrics over those steps.
    held : list of ndarray
        Outputs of those steps that metrics have not been updated with yet.
    lr : float
        The learning rate at the start of the epoch.
    given_order : int or None
        A checksum of the order that a user's function gave for the epoch.
    """

    engine: Engine
    data: Data
    batch: int
    shuffle: bool | str | Callable[[int], Any]
    metrics: list[Metric]
    callbacks: list[Callback]
    savers: list[Saver]
    at_epoch: int
    at_step: int
    tally: Tally
    held: list[np.ndarray]
    lr: float
    given_order: int | None


def fingerprint(data: Data) -> list[str]:
    """Shape, dtype and a checksum of some rows of each array, to detect that `fit` resumes with other data.

    Examples
    --------
    >>> from gdcore.data.dataset import Data
    >>> x = np.zeros((4, 2), np.float32)
    >>> fingerprint(Data([x], [x[:, 0]]))
    ['(4, 2) float32 190a55ad', '(4,) float32 ecbb4b55']
    """
    out = []
    for array, _ in data.feeds():
        some = array[:: max(1, len(array) // SAMPLES)][: SAMPLES + 1]
        check = 0
        for part in some.parts if isinstance(some, SparseRows) else (np.asarray(some),):
            check = checksum(part, check)
        shown = (
            repr(array) if isinstance(array, AugmentedImages) else f"{array.shape} {array.dtype}"
        )
        out.append(f"{shown} {check:08x}")
    return out


def checksum(array: np.ndarray, start: int = 0) -> int:
    """CRC-32 of an array's bytes, going on from another one's."""
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, start)


def order_of(fit: FitState) -> bool | str:
    """The `shuffle` argument as it is saved; a user's function is saved as the fact that it is one."""
    return "a function" if callable(fit.shuffle) else fit.shuffle


def same_order(fit: FitState, order: np.ndarray) -> None:
    """Record a checksum of the order that a user's function gave for an epoch.

    Raises
    ------
    ValueError
        If part of the epoch was trained before the checkpoint, in another order.
    """
    given = checksum(order)
    if fit.at_step and fit.given_order not in (None, given):
        raise ValueError(
            f"fit shuffle gave another order for epoch {fit.at_epoch} than it gave before the "
            "checkpoint was written: expected a function of the epoch's number alone"
        )
    fit.given_order = given


def state_of(fit: FitState) -> dict[str, Any]:
    """The state of a call of `fit`, which `check` and `restore` take.

    It consists of ints, floats, strings, None, arrays, and lists and dicts of them. Nothing is copied:
    save it before training continues.
    """
    return {
        "epoch": fit.at_epoch,
        "step": fit.at_step,
        "stopped": bool(fit.engine.stop_training),
        "loss": fit.tally.loss,
        "rows": fit.tally.rows,
        "lr": fit.lr,
        "held": list(fit.held),
        "metrics": [[m.name, m.state_dict()] for m in fit.metrics] if fit.at_step else [],
        "schedule": fit.engine.optimizer.schedule.state_dict(),
        "callbacks": [[type(c).__name__, c.state_dict(), c in fit.savers] for c in fit.callbacks],
        "data": fingerprint(fit.data),
        "batch": fit.batch,
        "shuffle": order_of(fit),
        "given_order": fit.given_order if fit.at_step else None,
    }


def check(fit: FitState, state: Mapping[str, Any]) -> None:
    """Raises ValueError if a state belongs to a training run with other settings, or is damaged."""
    for what, ours, mend in (
        ("data", fingerprint(fit.data), "resume with the same data"),
        ("batch", fit.batch, "resume with the same batch_size"),
        ("shuffle", order_of(fit), "resume with the same shuffle"),
    ):
        if state.get(what) != ours:
            raise ValueError(
                f"the checkpoint was made with {what} {_short(state.get(what))}, and fit got {ours}: "
                f"{mend}, or begin a new run from its weights with gd.load"
            )
    for what in ("epoch", "step", "rows"):
        if type(state.get(what)) is not int or state[what] < 0:
            got = _short(state.get(what))
            raise ValueError(f"the checkpoint's {what!r} is {got}: expected a count")
    for what in ("loss", "lr"):
        if type(state.get(what)) is not float:
            got = _short(state.get(what))
            raise ValueError(f"the checkpoint's {what!r} is {got}: expected a number")
    if state["step"] and state["step"] >= fit.data.batches(fit.batch):
        raise ValueError(f"the checkpoint's 'step' is {state['step']}: the epoch has fewer")
    names = [m.name for m in fit.metrics]
    for what, kinds in (("metrics", (str, dict)), ("callbacks", (str, dict, bool))):
        if not _are_rows(state.get(what), kinds):
            raise ValueError(f"the checkpoint's {what!r} are {_short(state.get(what))}: damaged")
    if state["step"] and [name for name, _ in state["metrics"]] != names:
        raise ValueError(
            f"the checkpoint was made with the metrics "
            f"{listed([name for name, _ in state['metrics']]) or 'none'}, and the model has "
            f"{listed(names) or 'none'}: compile it with the same metrics"
        )
    held = state.get("held")
    if not isinstance(held, list) or not all(isinstance(a, np.ndarray) for a in held):
        raise ValueError("the checkpoint's 'held' are no arrays: damaged")


def _short(value: Any) -> str:
    """A value of a file for a message: one line, whatever it is."""
    return cut(" ".join(str(value).split()), 400)


def _take(what: str, load: Callable[[Any], None], own: Any) -> None:
    """Load one part of a state into its owner, by the function `load`.

    Raises
    ------
    ValueError
        If the owner raises any error.
    """
    try:
        load(own)
    except (TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        raise ValueError(
            f"the checkpoint's state of {what} does not make sense ({_short(error)}): damaged"
        ) from None


def _are_rows(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, list) and all(
        isinstance(row, list) and tuple(map(type, row)) == kinds for row in value
    )


def restore(fit: FitState, state: Mapping[str, Any]) -> None:
    """Set a call of `fit` to a state that was checked.

    Raises
    ------
    ValueError
        If a callback, a metric or the schedule refuses its part of the state.
    """
    fit.at_epoch, fit.at_step = state["epoch"], state["step"]
    fit.tally.loss, fit.tally.rows, fit.lr = state["loss"], state["rows"], state["lr"]
    fit.held = list(state["held"])
    fit.given_order = state.get("given_order")
    fit.engine.stop_training = bool(state.get("stopped"))
    for metric, (_, own) in zip(fit.metrics, state["metrics"], strict=False):
        _take(f"metric {metric.name!r}", metric.load_state_dict, own)
    if state.get("schedule"):
        _take("the schedule", fit.engine.optimizer.schedule.load_state_dict, state["schedule"])
    waiting = list(fit.callbacks)
    for name, own, saves in state["callbacks"]:
        # Several callbacks of one class are told apart by their order.
        taker = next((c for c in waiting if type(c).__name__ == name), None)
        if taker is not None:
            waiting.remove(taker)
            _take(f"a {name}", taker.load_state_dict, own)
        elif own and not saves:
            warnings.warn(
                f"the checkpoint holds the state of a {name}, which is not among the callbacks of "
                "this fit: it is left out",
                stacklevel=4,
            )
