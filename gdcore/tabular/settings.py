"""How a table is learned: network and training, in one place and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from gdcore import metrics
from gdcore.activations import ACTIVATIONS
from gdcore.errors import unknown
from gdcore.optimizers import OPTIMIZERS
from gdcore.schedules import Schedule, from_name
from gdcore.tabular.conformal import check_level
from gdcore.tabular.decision import Threshold
from gdcore.tabular.heads import CLASS_LOSSES, VALUE_LOSSES
from gdcore.tabular.kinds import KINDS
from gdcore.tabular.rows import MISSING_WAYS
from gdcore.tabular.target import ORDINAL, TASKS
from gdcore.tabular.weighting import check_class_weight

__all__ = ["Settings", "budget"]

LARGE = 20_000  # rows from which on fewer passes and larger batches do
FEWEST_STEPS = 1500


def budget(rows: int, batch_size: int | None, epochs: int | None) -> tuple[int, int]:
    """Batch size and epochs, where they are not given by the number of rows.

    Examples
    --------
    >>> budget(1000, None, None), budget(100_000, None, 3)
    ((32, 50), (128, 3))
    """
    batch = min(batch_size or (32 if rows < LARGE else 128), rows)
    if epochs is None:
        steps = math.ceil(rows / batch)  # a small set still wants its steps
        epochs = min(400, max(10, min(50, 600_000 // rows), FEWEST_STEPS // steps))
    return batch, epochs


@dataclass(frozen=True)
class Settings:
    """Everything but the table: as `TableModel` takes it."""

    hidden: tuple[int, ...]
    activation: str
    dropout: float
    numbers: str
    missing: str
    task: str | None
    loss: str | None
    optimizer: str
    lr: float | None
    weight_decay: float | None
    schedule: str
    epochs: int | None
    batch_size: int | None
    patience: int | None
    metrics: tuple[str, ...] | None
    dtype: str
    seed: int
    class_weight: dict[str, float] | str | None = None
    weights: str | None = None
    positive: str | None = None
    threshold: str | None = None
    target_scale: str | None = None
    interval: float | None = None
    order: tuple[str, ...] | None = None

    def check(self) -> None:
        """Say what is wrong before a table is read.

        Raises
        ------
        ValueError, TypeError
            For an unknown name or a number out of range.
        """
        for what, got, known in (
            ("activation", self.activation, ACTIVATIONS),
            ("way to scale numbers", self.numbers, KINDS["number"]),
            ("way with missing values", self.missing, MISSING_WAYS),
            ("task", self.task, (*TASKS, ORDINAL, None)),
            ("loss", self.loss, (*CLASS_LOSSES, *VALUE_LOSSES, None)),
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("dtype", self.dtype, ("float32", "float64")),
            ("target_scale", self.target_scale, ("log", None)),
        ):
            if got not in known:
                raise unknown(what, got, [k for k in known if k is not None])
        for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise TypeError(f"{name}={value!r}: expected a whole number")
            if value is not None and value < least:
                raise ValueError(f"{name}={value!r}: expected at least {least}")
        if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in self.hidden):
            raise ValueError(
                f"hidden={list(self.hidden)}: expected sizes of layers such as (128, 64)"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout!r}: expected at least 0 and below 1")
        for name in ("lr", "weight_decay"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise ValueError(f"{name}={value!r}: expected a number of at least 0")
        for name in self.metrics or ():
            if name != "rank_error":  # of a table's target alone
                metrics.get(name)
        if self.order is not None and self.task != ORDINAL:
            raise ValueError(
                f"order={list(self.order)!r} is for classes in order: pass task='ordinal' with it"
            )
        if self.threshold is not None:
            Threshold.parse(self.threshold)
        if self.interval is not None:
            check_level(self.interval)
        if self.class_weight is not None:
            check_class_weight(self.class_weight)
        self.rate(1, 1)

    @property
    def asked(self) -> str | None:
        """The task that is asked for, by name or by a loss of quantities; None: the target tells."""
        return "regression" if self.task is None and self.loss in VALUE_LOSSES else self.task

    @property
    def top_rate(self) -> float:
        """The highest learning rate."""
        own = OPTIMIZERS[self.optimizer]().lr if self.lr is None else self.lr
        return float(own)  # type: ignore[arg-type]

    def rate(self, epochs: int, steps: int) -> Schedule:
        """The learning rate over a training of so many epochs."""
        return from_name(self.schedule, self.top_rate, max(1, epochs * steps))

    def config(self) -> dict[str, Any]:
        """All settings, as JSON."""
        lists: dict[str, list[Any]] = {"hidden": list(self.hidden)}
        for name in ("metrics", "order"):
            if getattr(self, name) is not None:
                lists[name] = list(getattr(self, name))
        return asdict(self) | lists
