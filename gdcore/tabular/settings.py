"""How a table is learned: network and training, in one place and as JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from gdcore import metrics
from gdcore.activations import ACTIVATIONS
from gdcore.compute import check_compute
from gdcore.errors import unknown
from gdcore.optimizers import OPTIMIZERS
from gdcore.schedules import Schedule, from_name
from gdcore.tabular.conformal import check_level
from gdcore.tabular.decision import Threshold
from gdcore.tabular.heads import CLASS_LOSSES, VALUE_LOSSES
from gdcore.tabular.kinds import KINDS
from gdcore.tabular.presets import AUTO, FOLDS, KEEPS_BEST, MODELS, filled, of_task
from gdcore.tabular.quantiles import check_quantiles
from gdcore.tabular.rows import MISSING_WAYS
from gdcore.tabular.several import tasks_of
from gdcore.tabular.table import SettingError
from gdcore.tabular.target import ORDINAL, TASKS
from gdcore.tabular.weighting import check_class_weight

__all__ = ["Settings"]


#: What tells of one network and its training, if it is not this: then several are not trained by default.
OF_ONE = {
    "hidden": None, "activation": None, "dropout": None, "optimizer": None, "lr": None,
    "weight_decay": None, "schedule": None, "epochs": None, "batch_size": None, "patience": "auto",
}  # fmt: skip


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | Mapping | np.number)


@dataclass(frozen=True)
class Settings:
    """Everything but the table: as `TableModel` takes it."""

    hidden: tuple[int, ...]
    activation: str | None
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
    model: str = "mlp"
    members: int = 32
    folds: int = 1
    budget: float | None = None
    label_smoothing: float | None = None
    interval: float | None = None
    order: tuple[str, ...] | None = None
    compute: str = "float32"
    quantiles: tuple[float, ...] | None = None

    @classmethod
    def told(cls, model: str | None, folds: int | None, **settings: Any) -> Settings:
        """From what `TableModel` is given, the model's own where that is None; checked.

        Raises
        ------
        ValueError, TypeError
            For an unknown name or a number out of range.
        """
        made = {k: v if _is_plain(v) else tuple(v) for k, v in settings.items()}
        for name in ("positive", "threshold"):
            made[name] = None if made[name] is None else str(made[name])
        if made["order"] is not None:
            made["order"] = tuple(map(str, made["order"]))
        if isinstance(made["class_weight"], Mapping):
            made["class_weight"] = {str(k): w for k, w in made["class_weight"].items()}
        if model is None:
            of_one = folds is not None or any(made[name] != usual for name, usual in OF_ONE.items())
            model = "mlp" if of_one else AUTO
        folds = folds or (1 if made["budget"] is None and model != AUTO else FOLDS)
        new = cls(model=model, folds=folds, **filled(model, made))
        new.check()
        return new

    @property
    def alone(self) -> Settings:
        """Those of one plain network in the place of "auto", where rows are watched, or are too few."""
        told = self.model != AUTO or self.budget is not None
        return self if told else replace(self, model="mlp", folds=1)

    def check(self) -> None:
        """Say what is wrong before a table is read.

        Raises
        ------
        ValueError, TypeError
            For an unknown name or a number out of range.
        """
        for what, got, known in (
            ("model", self.model, MODELS),
            ("activation", self.activation, (*ACTIVATIONS, None)),
            ("way to scale numbers", self.numbers, KINDS["number"]),
            ("way with missing values", self.missing, MISSING_WAYS),
            *(("task", t, (*TASKS, ORDINAL, None)) for t in tasks_of(self.task, 1)),
            ("loss", self.loss, (*CLASS_LOSSES, *VALUE_LOSSES, None)),
            ("optimizer", self.optimizer, OPTIMIZERS),
            ("dtype", self.dtype, ("float32", "float64")),
            ("target_scale", self.target_scale, ("log", "linear", None)),
        ):
            if got not in known:
                raise unknown(what, got, [k for k in known if k is not None])
        check_compute(self.compute, self.dtype)
        for name, least in (
            ("epochs", 1),
            ("batch_size", 1),
            ("patience", 1),
            ("members", 1),
            ("folds", 1),
            ("seed", 0),
        ):
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
        if self.label_smoothing is not None and not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing={self.label_smoothing!r}: expected at least 0 and below 1"
            )
        for name in ("lr", "weight_decay", "budget"):
            value = getattr(self, name)
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if value is not None and not (number and 0 <= value < math.inf):
                raise ValueError(f"{name}={value!r}: expected a number of at least 0")
        if self.model == AUTO and self.folds == 1:
            raise SettingError(
                "model='auto' is of networks on folds, and folds=1: pass model='mlp' with it"
            )
        if self.budget is not None and self.folds == 1:
            raise SettingError(
                f"budget={self.budget:g} is filled with networks on folds, expected 2 or more of them: "
                "leave folds=1 out"
            )
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
        if self.quantiles is not None:
            check_quantiles(self.quantiles)
        if self.class_weight is not None:
            check_class_weight(self.class_weight)
        self.rate(1, 1)

    @property
    def finds_best(self) -> bool:
        """Whether a training anew finds its own best epoch, as the first did."""
        return self.folds > 1 or self.model in KEEPS_BEST

    def of_task(self, task: str) -> Settings:
        """With what the model sets by the task, where it was not told."""
        own = of_task(self.model, task)
        return replace(self, **{k: v for k, v in own.items() if getattr(self, k) is None})

    def fitting(self, target: Any, each: Sequence[Any]) -> Settings:
        """For one of several targets: without what is asked of answers of another kind, which some have.

        Parameters
        ----------
        target : Target
        each : all targets
        """
        fits: dict[str, Callable[[Any], bool]] = {
            "interval": lambda t: t.classes is None,
            "threshold": lambda t: len(t.classes or ()) == 2,
            "positive": lambda t: self.positive in (t.classes or ()),
        }
        drop: dict[str, Any] = {
            n: None for n, fit in fits.items() if not fit(target) and any(map(fit, each))
        }
        return replace(self, **drop) if drop else self

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
        for name in ("metrics", "order", "quantiles"):
            if getattr(self, name) is not None:
                lists[name] = list(getattr(self, name))
        return asdict(self) | lists
