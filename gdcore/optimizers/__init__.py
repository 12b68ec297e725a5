"""Optimizers: one pass over all parameters, their gradients and the optimizer's slots.

An optimizer is a traced function. All parameters of a group lie in one vector, so `update` is
written once, for one vector, in `+ - * /` and `gdcore.ops`; fusion makes one loop of it. What
changes from step to step (the learning rate, bias corrections) is passed in as scalars, which
`numbers` computes for many steps at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from gdcore.errors import unknown
from gdcore.lazy import LazyTable, lazy_names
from gdcore.names import ABSENT_OPTIMIZERS, canonical
from gdcore.optimizers import groups
from gdcore.optimizers.base import NO_DECAY, Numbers, Optimizer

if TYPE_CHECKING:
    from gdcore.optimizers.adam import Adam, AdamW
    from gdcore.optimizers.adam_variants import AMSGrad, Nadam
    from gdcore.optimizers.adaptive import Adadelta, Adagrad, RMSprop
    from gdcore.optimizers.muon import Muon
    from gdcore.optimizers.sgd import SGD

OPTIMIZERS: LazyTable[type[Optimizer]] = LazyTable(
    {
        "sgd": "gdcore.optimizers.sgd:SGD",
        "adam": "gdcore.optimizers.adam:Adam",
        "adamw": "gdcore.optimizers.adam:AdamW",
        "amsgrad": "gdcore.optimizers.adam_variants:AMSGrad",
        "nadam": "gdcore.optimizers.adam_variants:Nadam",
        "rmsprop": "gdcore.optimizers.adaptive:RMSprop",
        "adagrad": "gdcore.optimizers.adaptive:Adagrad",
        "adadelta": "gdcore.optimizers.adaptive:Adadelta",
        "muon": "gdcore.optimizers.muon:Muon",
    }
)

__all__ = [
    "NO_DECAY",
    "OPTIMIZERS",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Muon",
    "Nadam",
    "Numbers",
    "Optimizer",
    "RMSprop",
    "from_config",
    "get",
]

__getattr__, __dir__ = lazy_names(__name__, __all__, OPTIMIZERS.modules)


def get(spec: Any, **settings: Any) -> Optimizer:
    """An optimizer from its name, an instance or a class; settings go to the constructor.

    Parameters
    ----------
    spec : str, Optimizer or subclass of it
    **settings
        For a name or a class; an instance is returned as it is.

    Returns
    -------
    Optimizer

    Raises
    ------
    ValueError
        For an unknown name, or a setting out of range.
    TypeError
        For anything else.

    Examples
    --------
    >>> from gdcore import optimizers
    >>> optimizers.get("sgd", lr=0.1).momentum
    0.0
    """
    if isinstance(spec, Optimizer):
        return spec
    if isinstance(spec, str):
        return OPTIMIZERS[canonical("optimizer", spec, OPTIMIZERS, absent=ABSENT_OPTIMIZERS)](
            **settings
        )
    if isinstance(spec, type) and issubclass(spec, Optimizer):
        return spec(**settings)
    raise TypeError(f"optimizer {spec!r}: expected a name or an optimizer such as gd.Adam(1e-3)")


def from_config(config: Mapping[str, Any]) -> Optimizer:
    """The optimizer that `Optimizer.config` described.

    Parameters
    ----------
    config : mapping
        The name and the settings.

    Returns
    -------
    Optimizer

    Raises
    ------
    ValueError
        If its name, or one of its settings, is not known.

    Examples
    --------
    >>> from gdcore import optimizers
    >>> optimizers.from_config(optimizers.SGD(0.1, momentum=0.9).config()).momentum
    0.9
    """
    settings: dict[str, Any] = {
        k: tuple(v) if k == "betas" else v for k, v in config.items() if k != "name"
    }
    settings |= {k: groups.restored(settings[k]) for k in ("lr", "weight_decay") if k in settings}
    rest = settings.get("rest")
    if isinstance(rest, Mapping) and "rest" not in rest:  # one that has another is refused
        settings["rest"] = from_config(rest)
    if "groups" in settings:
        settings["groups"] = groups.from_config(settings["groups"])
    cls = OPTIMIZERS.get(str(config.get("name")))
    if cls is None:
        raise unknown("optimizer", config.get("name"), OPTIMIZERS)
    known = {f.name for f in fields(cls)}
    if set(settings) - known:
        raise ValueError(
            f"optimizer {cls.name} has no setting {sorted(set(settings) - known)[0]!r}"
        )
    return cls(**settings)
