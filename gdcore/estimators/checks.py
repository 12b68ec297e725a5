"""Validation of the estimators' settings: one table of rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names

from gdcore import activations
from gdcore.callbacks import Callback
from gdcore.compute import COMPUTE
from gdcore.errors import did_you_mean
from gdcore.estimators.solvers import RULES
from gdcore.optimizers import OPTIMIZERS, Optimizer
from gdcore.schedules import Schedule

Rule = tuple[Callable[[Any], bool], str]

SOLVERS = ("adam", "lbfgs", "sgd")
NORMALIZATIONS = ("batch", "layer")
ACTIVATION_NAMES = {"identity": "linear", "logistic": "sigmoid"}  # scikit-learn's to gdcore's
_SCHEDULES = ("step", "exponential", "polynomial", "cosine", "one_cycle", "warmup_cosine")
LEARNING_RATES = (*RULES, *_SCHEDULES)


def whole(low: int) -> Rule:
    """A whole number of at least `low`."""
    return (
        lambda v: isinstance(v, Integral) and not isinstance(v, bool) and int(v) >= low,
        f"a whole number of at least {low}",
    )


def number(low: float, high: float = np.inf, open_low: bool = False, closed: bool = False) -> Rule:
    """A number from `low` to `high`; `open_low` excludes `low`, `closed` includes `high`."""

    def holds(v: Any) -> bool:
        if not isinstance(v, Real) or isinstance(v, bool):
            return False
        x = float(v)
        above = x > low if open_low else x >= low
        return above and (x <= high if closed else x < high)

    words = f"above {low:g}" if open_low else f"at least {low:g}"
    if high < np.inf:
        words += f" and {'at most' if closed else 'below'} {high:g}"
    return holds, f"a number {words}"


def one_of(names: Iterable[str]) -> Rule:
    """One of some names."""
    known = tuple(names)
    return lambda v: isinstance(v, str) and v in known, f"one of {', '.join(map(repr, known))}"


def either(*rules: Rule) -> Rule:
    """What any of these rules allows."""
    return (
        lambda v: any(holds(v) for holds, _ in rules),
        ", or ".join(words for _, words in rules),
    )


def each(rule: Rule, what: str) -> Rule:
    """A list of what a rule allows."""
    return (
        lambda v: isinstance(v, list | tuple | np.ndarray) and all(rule[0](x) for x in v),
        f"a list of such, {what}",
    )


def instance(kind: type | tuple[type, ...], words: str) -> Rule:
    """An instance of a class."""
    return lambda v: isinstance(v, kind), words


NONE: Rule = (lambda v: v is None, "None")
FLAG = instance((bool, np.bool_), "True or False")
FUNCTION: Rule = (lambda v: callable(v) and not isinstance(v, type), "a function")
ACTIVATION = either(one_of((*ACTIVATION_NAMES, *activations.ACTIVATIONS)), FUNCTION)
SHARE = number(0, 1)
NORMALIZATION = either(NONE, one_of(NORMALIZATIONS))
_PER_LAYER = "one for each hidden layer"

SCORER: Rule = (
    lambda v: isinstance(v, str) and v in get_scorer_names(),
    "a scorer's name of sklearn.metrics.get_scorer_names()",
)
COMMON: Mapping[str, Rule] = {
    "batch_size": either(one_of(("auto",)), whole(1)),
    "max_iter": whole(1),
    "shuffle": FLAG,
    "random_state": (
        lambda v: v is None or isinstance(v, Integral | np.random.RandomState) or v is np.random,
        "None, a whole number or a numpy.random.RandomState",
    ),
    "tol": number(0),
    "verbose": (
        lambda v: isinstance(v, Integral | np.bool_) and int(v) >= 0,
        "True, False or a level",
    ),
    "warm_start": FLAG,
    "early_stopping": FLAG,
    "validation_fraction": SHARE,
    "n_iter_no_change": either(whole(1), (lambda v: v == np.inf, "numpy.inf")),
    "callbacks": (
        lambda v: (
            v is None or (isinstance(v, list | tuple) and all(isinstance(c, Callback) for c in v))
        ),
        "None or a list of gd.Callback instances",
    ),
    "scoring": either(NONE, SCORER, FUNCTION),
    "compute": either(NONE, one_of(COMPUTE)),
}
PERCEPTRON: Mapping[str, Rule] = {
    **COMMON,
    "compute": one_of(COMPUTE),
    "hidden_layer_sizes": either(whole(1), each(whole(1), _PER_LAYER)),
    "activation": either(ACTIVATION, each(ACTIVATION, _PER_LAYER)),
    "solver": one_of(SOLVERS),
    "alpha": number(0),
    "learning_rate": either(one_of(LEARNING_RATES), instance(Schedule, "a gd.schedules schedule")),
    "learning_rate_init": number(0, open_low=True),
    "power_t": number(0),
    "momentum": number(0, 1, closed=True),
    "nesterovs_momentum": FLAG,
    "beta_1": SHARE,
    "beta_2": SHARE,
    "epsilon": number(0, open_low=True),
    "max_fun": whole(1),
    "dropout": either(SHARE, each(SHARE, _PER_LAYER)),
    "normalization": either(NORMALIZATION, each(NORMALIZATION, _PER_LAYER)),
    "optimizer": either(
        NONE,
        one_of(OPTIMIZERS),
        (
            lambda v: (
                isinstance(v, Optimizer) or (isinstance(v, type) and issubclass(v, Optimizer))
            ),
            "a gd.Optimizer",
        ),
    ),
}


def check_settings(estimator: Any, rules: Mapping[str, Rule]) -> None:
    """Raises ValueError at the first setting of an estimator that its rule does not allow."""
    for name, (holds, words) in rules.items():
        value = getattr(estimator, name)
        if not holds(value):
            guess = ""
            if isinstance(value, str) and name == "scoring":
                guess = did_you_mean(value, get_scorer_names())
            elif isinstance(value, str) and "one of" in words:
                guess = did_you_mean(value, re.findall(r"'([^']+)'", words))
            raise ValueError(
                f"{type(estimator).__name__} {name}={value!r}: expected {words}{guess}"
            )


def per_layer(name: str, value: Any, layers: int) -> list[Any]:
    """A setting for each hidden layer, from one for all or a list of them.

    Raises
    ------
    ValueError
        If the list has another length.
    """
    if not isinstance(value, list | tuple | np.ndarray):
        return [value] * layers
    if len(value) != layers:
        raise ValueError(
            f"{name} has {len(value)} entries for {layers} hidden layers: give one each"
        )
    return list(value)
