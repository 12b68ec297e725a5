"""The networks of tables by name, and the settings that each begins with where none are told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from gdcore.errors import unknown

__all__ = [
    "AUTO",
    "FOLDS",
    "KEEPS_BEST",
    "MODELS",
    "SMOOTHING",
    "budget",
    "filled",
    "member_settings",
    "models_of",
    "of_task",
]

FOLDS = 5  # where a time is given, or no model
LARGE = 20_000  # rows from which on fewer passes and larger batches do
FEWEST_STEPS = 1500

MODELS: dict[str, dict[str, Any]] = {
    "mlp": {
        "hidden": (128, 64),
        "activation": "relu",
        "dropout": 0.1,
        "numbers": "standardize",
        "schedule": "cosine",
        "optimizer": "adam",
        "patience": 20,
    },
    # Gorishniy et al. 2022, On embeddings for numerical features in tabular deep learning.
    "mlp-ple": {
        "hidden": (128, 64),
        "activation": "relu",
        "dropout": 0.1,
        "numbers": "robust",
        "schedule": "cosine",
        "optimizer": "adam",
        "patience": 20,
    },
    # Holzmüller et al. 2024, RealMLP-TD; `BY_TASK` has the rest.
    "realmlp": {
        "hidden": (256, 256, 256),
        "dropout": 0.15,
        "numbers": "robust",
        "schedule": "coslog4",
        "optimizer": "adam",
        "weight_decay": 0.02,
        "patience": 256,  # all epochs: the best one lies behind any of the humps
    },
    # Gorishniy et al. 2024, TabM with piecewise linear embeddings.
    "tabm": {
        "hidden": (512, 512),
        "activation": "relu",
        "dropout": 0.1,
        "numbers": "quantile",
        "schedule": "constant",
        "optimizer": "adamw",
        "lr": 2e-3,
        "weight_decay": 0.0,
        "patience": 16,
    },
}
#: What is taken where nothing is told of the network: plain networks on folds, and from so many rows on
#: others on the same folds, of which those predict that err least (`bench.tabular`).
AUTO = "auto"
MODELS[AUTO] = MODELS["mlp"] | {"numbers": "robust"}
SEVERAL = 2000  # rows, from which on there are these
CANDIDATES = ("mlp", "mlp-ple", "realmlp")  # the slowest last
PLAIN = ("mlp", "mlp-ple", AUTO)
STEPS = (
    16_000  # that RealMLP takes on all folds together: on wine twice as many as 8,000 beat boosting
)
MOST_STEPS = 32_000  # with the least number of epochs, unless that leaves less than 3
FEWEST_EPOCHS, MOST_EPOCHS = 16, 192
#: Models that are trained anew with rows set apart, as at first: the epoch that was best for other
#: weights, on one of RealMLP's humps or at TabM's constant rate, is no good one to end at.
KEEPS_BEST = ("realmlp", "tabm")
#: Label smoothing of models that have it, where a loss has it.
SMOOTHING = {"realmlp": 0.1}
BY_TASK: dict[str, dict[str, dict[str, Any]]] = {
    "realmlp": {
        "classification": {"activation": "selu", "lr": 0.04},
        "regression": {"activation": "mish", "lr": 0.2},
    }
}


def filled(model: str, told: dict[str, Any]) -> dict[str, Any]:
    """Settings with those of the model where they are None, or "auto".

    What depends on the task stays None: see `of_task`.

    Raises
    ------
    ValueError
        If the model is unknown.

    Examples
    --------
    >>> filled("realmlp", {"hidden": None, "dropout": 0.3, "patience": "auto", "lr": None})
    {'hidden': (256, 256, 256), 'dropout': 0.3, 'patience': 256, 'lr': None}
    """
    if model not in MODELS:
        raise unknown("model", model, MODELS)
    own = MODELS[model]
    unsaid = {"patience": "auto"}  # whose None is a setting
    return {k: own.get(k) if v == unsaid.get(k) else v for k, v in told.items()}


def models_of(model: str, rows: int, budget: float | None = None) -> tuple[str, ...]:
    """The networks that are trained on each fold.

    Examples
    --------
    >>> models_of("tabm", 900), models_of("auto", 900), models_of("auto", 9000)
    (('tabm',), ('mlp',), ('mlp', 'mlp-ple', 'realmlp'))
    """
    if model != AUTO:
        return (model,)
    return CANDIDATES if rows >= SEVERAL or budget is not None else CANDIDATES[:1]


def member_settings(told: Any, model: str, rows: int) -> Any:
    """The settings of a network on a fold of so many training rows: of several, each has its own.

    Examples
    --------
    >>> from gdcore.tabular import TableModel
    >>> told = TableModel().settings
    >>> [member_settings(told, "realmlp", n).epochs for n in (3_000, 30_000, 80_000, 800_000)]
    [192, 27, 16, 3]
    """
    if told.model != AUTO:
        return told
    own = {k: v for k, v in MODELS[model].items() if k != "numbers"}  # they see the same numbers
    if model == "realmlp":
        own = {"activation": None, **own}
        steps = math.ceil(rows / budget(rows, told.batch_size, 1, model)[0])
        usual, most = (count // (steps * told.folds) for count in (STEPS, MOST_STEPS))
        own["epochs"] = min(max(FEWEST_EPOCHS, min(MOST_EPOCHS, usual)), max(3, most))
    return replace(told, model=model, **own)


def of_task(model: str, task: str) -> dict[str, Any]:
    """The settings of a model that depend on what is predicted.

    Examples
    --------
    >>> of_task("realmlp", "regression"), of_task("mlp", "regression")
    ({'activation': 'mish', 'lr': 0.2}, {})
    """
    kind = "regression" if task == "regression" else "classification"
    return BY_TASK.get(model, {}).get(kind, {})


def budget(
    rows: int, batch_size: int | None, epochs: int | None, model: str = "mlp"
) -> tuple[int, int]:
    """Batch size and epochs, where they are not given by the number of rows.

    Examples
    --------
    >>> budget(1000, None, None), budget(100_000, None, 3), budget(1000, None, None, "realmlp")
    ((32, 50), (128, 3), (256, 256))
    """
    plain = model in PLAIN
    usual = (32 if rows < LARGE else 128) if plain else 256
    batch = min(batch_size or usual, rows)
    if epochs is not None:
        return batch, epochs
    steps = math.ceil(rows / batch)  # a small set still wants its steps
    if plain:
        return batch, min(400, max(10, min(50, 600_000 // rows), FEWEST_STEPS // steps))
    return batch, min(256, max(16, 60_000 // steps))
