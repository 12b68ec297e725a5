"""A number of an epoch that a callback watches: which one, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def monitored(logs: Mapping[str, Any], name: str) -> float:
    """A number of an epoch by name.

    Raises
    ------
    ValueError
        If the epoch has no such number.
    """
    if name not in logs:
        hint = " (give fit validation_data or validation_split)" if name.startswith("val_") else ""
        raise ValueError(
            f"no {name!r} among the epoch's numbers: expected one of {', '.join(logs.keys())}{hint}"
        )
    return float(logs[name])


def better(mode: str, monitor: str) -> str:
    """ "min" or "max": which way a number improves, told from its name where mode is "auto".

    Raises
    ------
    ValueError
        For another mode.
    """
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"mode={mode!r}: expected 'auto', 'min' or 'max'")
    grows = any(
        word in monitor for word in ("acc", "auc", "precision", "recall", "f1", "r2", "top_")
    )
    return mode if mode != "auto" else "max" if grows else "min"
