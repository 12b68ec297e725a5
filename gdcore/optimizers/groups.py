"""Parameter groups: settings that override the optimizer's for some parameters."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdcore import schedules
from gdcore.errors import did_you_mean
from gdcore.schedules import Constant, Schedule

KEYS = ("match", "lr", "weight_decay", "lr_scale")


@dataclass(frozen=True, eq=False)
class Group:
    """One entry of an optimizer's `groups`, read and checked.

    Parameters
    ----------
    match : str
        Pattern of the names, as `fnmatch` reads it.
    lr : float, Schedule or None
        A number is scaled as the optimizer's schedule scales its rate; a schedule is used as it is;
        None is the optimizer's own rate.
    weight_decay : float, Schedule of the step, or None
        None is the optimizer's own.
    lr_scale : float
        Factor of the optimizer's own rate, whatever its schedule; 1 beside an `lr`.
    """

    match: str
    lr: float | Schedule | None = None
    weight_decay: float | Schedule | None = None
    lr_scale: float = 1.0

    @property
    def own_rate(self) -> bool:
        """Whether its rate differs from the optimizer's."""
        return self.lr is not None or self.lr_scale != 1.0

    def fits(self, name: str) -> bool:
        """Whether the pattern fits a parameter's name."""
        return fnmatch.fnmatchcase(name, self.match)

    def rates(self, steps: np.ndarray, own: Schedule) -> np.ndarray:
        """Learning rates of steps, beside the optimizer's own schedule."""
        if self.lr is None:
            return own(steps) * self.lr_scale
        if isinstance(self.lr, Schedule):
            return self.lr(steps)
        if isinstance(own, Constant):
            return np.full(steps.shape, self.lr)
        base = own.base_rate
        assert base  # validated by `check_scale`
        return own(steps) * (self.lr / base)

    def check_scale(self, own: Schedule) -> None:
        """Raises ValueError if `lr` is a number and the optimizer's schedule has no base_rate to scale it by."""
        scaled = not (self.lr is None or isinstance(self.lr, Schedule))
        if scaled and not isinstance(own, Constant) and not own.base_rate:
            raise ValueError(
                f"optimizer group {self.match!r}: lr={self.lr:g} follows the optimizer's schedule as a "
                f"share of the schedule's base_rate, and {type(own).__name__} has "
                f"{own.base_rate}: give the schedule a base_rate above 0, or the group a schedule "
                f"such as gd.schedules.Constant({self.lr:g})"
            )


def read(groups: Any) -> tuple[Group, ...]:
    """An optimizer's `groups`, checked.

    Raises
    ------
    ValueError, TypeError
        If an entry has other keys, or a setting is out of range.
    """
    if isinstance(groups, str | Mapping) or not isinstance(groups, Iterable):
        raise TypeError(
            f"optimizer groups={groups!r}: expected a list such as [{{'match': 'head.*', 'lr': 1e-4}}]"
        )
    return tuple(_read_one(g) for g in groups)


def _read_one(given: Any) -> Group:
    if not isinstance(given, Mapping) or set(given) - set(KEYS) or "match" not in given:
        raise ValueError(
            f"optimizer group {dict(given) if isinstance(given, Mapping) else given!r}: "
            "expected 'match' and any of 'lr', 'lr_scale', 'weight_decay'"
        )
    where = f"optimizer group {dict(given)}"
    match, lr, decay, scale = (given.get(key) for key in KEYS)
    if not isinstance(match, str):
        raise TypeError(f"{where}: 'match' must be a pattern of names such as 'head.*'")
    if isinstance(lr, Schedule):
        if type(lr).update is not Schedule.update:
            raise TypeError(
                f"{where}: 'lr' must be a number or a schedule of the step; {type(lr).__name__}, "
                "which depends on what happens in training, goes to the optimizer, and numbers of "
                "groups follow it"
            )
    elif lr is not None:
        try:
            lr = schedules.get(lr)(0)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{where}: {error}") from None
    if scale is not None and lr is not None:
        raise ValueError(f"{where}: 'lr' and 'lr_scale' both set its rate: leave one out")
    if decay is not None and not decays(decay):
        raise ValueError(
            f"{where}: 'weight_decay' must be a number of at least 0, or a schedule of the step"
        )
    if scale is not None and not _amount(scale):
        raise ValueError(f"{where}: 'lr_scale' must be a number of at least 0")
    decay = decay if decay is None or isinstance(decay, Schedule) else float(decay)
    return Group(match, lr, decay, 1.0 if scale is None else float(scale))


def _amount(value: Any) -> bool:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return number and bool(0 <= value < np.inf)


def decays(value: Any) -> bool:
    """Whether something can be a weight decay: a number of at least 0, or a schedule of the step."""
    if isinstance(value, Schedule):
        return type(value).update is Schedule.update
    return _amount(value)


def group_of(groups: Sequence[Group], name: str) -> Group | None:
    """The first group whose pattern fits a parameter's name."""
    return next((g for g in groups if g.fits(name)), None)


def check_fit(groups: Sequence[Group], spared: Mapping[str, bool]) -> None:
    """Raises ValueError if a group does nothing: no parameter, or none of those it decays, is in it.

    Parameters
    ----------
    groups : sequence of Group
    spared : mapping of str to bool
        Names of all parameters, and whether `no_decay` leaves them alone.
    """
    for group in groups:
        fitting = [name for name in spared if group.fits(name)]
        if spared and not fitting:
            raise ValueError(
                f"optimizer group 'match'={group.match!r} fits no parameter, expected a pattern of "
                f"names such as {next(iter(spared))!r}{did_you_mean(group.match, spared)}"
            )
        if group.weight_decay and fitting and all(spared[name] for name in fitting):
            raise ValueError(
                f"optimizer group 'match'={group.match!r} has weight_decay={group.weight_decay} and "
                "fits only biases and norms, which no_decay leaves alone: leave out one of the two"
            )


def held(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Settings of groups, with rates that are constant instead of scaled by the optimizer's schedule."""
    return [
        {
            "match": g.match,
            "lr": Constant(g.lr) if isinstance(g.lr, float) else g.lr,
            "weight_decay": g.weight_decay,
            **({"lr_scale": g.lr_scale} if g.lr is None else {}),
        }
        for g in groups
    ]


def to_config(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Groups for a file; `from_config` reads it."""
    out = []
    for g in groups:
        given = {"match": g.match, "lr": described(g.lr), "weight_decay": described(g.weight_decay)}
        given["lr_scale"] = None if g.lr_scale == 1.0 else g.lr_scale
        out.append({k: v for k, v in given.items() if v is not None})
    return out


def described(value: Any) -> Any:
    """A number as it is, a schedule as JSON."""
    return {"schedule": schedules.to_config(value)} if isinstance(value, Schedule) else value


def restored(value: Any) -> Any:
    """What `described` gave, as it was; anything else unchanged."""
    if isinstance(value, Mapping) and "schedule" in value:
        return schedules.from_config(value["schedule"])
    return value


def from_config(groups: Any) -> Any:
    """Groups from what `to_config` wrote; anything else unchanged, for `read` to refuse."""
    if not isinstance(groups, list):
        return groups
    return [{k: restored(v) for k, v in g.items()} if isinstance(g, Mapping) else g for g in groups]
