"""Initializers: the first values of parameters.

An initializer is a small frozen object: called with a shape and a random stream, it returns
float64 values. Layers take it by name (``"he_normal"``), as a number (a constant), as an object
(``Normal(std=0.02)``), or as any function of ``(shape, stream)``.

Shapes are read as Keras reads them: ``(inputs, outputs)`` for a dense kernel,
``(*window, channels_in, channels_out)`` for a convolution.
"""

from __future__ import annotations

import inspect
import numbers
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gdcore.errors import unknown
from gdcore.initializers.filters import Dirac, Whitening
from gdcore.initializers.rules import (
    Constant,
    Custom,
    Initializer,
    Normal,
    Orthogonal,
    TruncatedNormal,
    Uniform,
    VarianceScaling,
    fans,
)
from gdcore.lazy import lazy_names

if TYPE_CHECKING:
    from gdcore.initializers.by_data import dense_by_data

__all__ = [
    "Constant",
    "Custom",
    "Dirac",
    "Initializer",
    "Normal",
    "Orthogonal",
    "TruncatedNormal",
    "Uniform",
    "VarianceScaling",
    "Whitening",
    "dense_by_data",
    "fans",
    "from_config",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "to_config",
    "zeros",
]

__getattr__, __dir__ = lazy_names(
    __name__, __all__, {"dense_by_data": "gdcore.initializers.by_data"}
)

zeros = Constant(0.0)
ones = Constant(1.0)
glorot_uniform = VarianceScaling(1.0, "mean", "uniform")  # Glorot and Bengio, AISTATS 2010
glorot_normal = VarianceScaling(1.0, "mean", "normal")
he_uniform = VarianceScaling(2.0, "in", "uniform")  # He et al., ICCV 2015
he_normal = VarianceScaling(2.0, "in", "normal")
lecun_uniform = VarianceScaling(1.0, "in", "uniform")  # LeCun et al., Efficient BackProp, 1998
lecun_normal = VarianceScaling(1.0, "in", "normal")

_NAMED: dict[str, Initializer] = {
    "glorot_uniform": glorot_uniform,
    "glorot_normal": glorot_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_uniform": lecun_uniform,
    "lecun_normal": lecun_normal,
    "orthogonal": Orthogonal(),
    "dirac": Dirac(),
    "zeros": zeros,
    "ones": ones,
    "uniform": Uniform(),
    "normal": Normal(),
    "truncated_normal": TruncatedNormal(),
}
_CLASSES: dict[str, Callable[..., Initializer]] = {
    "constant": Constant,
    "uniform": Uniform,
    "normal": Normal,
    "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "orthogonal": Orthogonal,
    "dirac": Dirac,
}


def get(spec: object) -> Initializer:
    """Return the initializer that `spec` stands for.

    Parameters
    ----------
    spec : Initializer, str, float or callable
        An object, a name, a number (constant), or a function of ``(shape, stream)``.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If the name is not known.
    TypeError
        If `spec` is none of these.

    Examples
    --------
    >>> get("he_normal"), get(0.1)
    (VarianceScaling(scale=2.0, fan='in', distribution='normal'), Constant(value=0.1))
    """
    if isinstance(spec, Initializer):
        return spec
    if isinstance(spec, str):
        if spec not in _NAMED:
            raise unknown("initializer", spec, _NAMED)
        return _NAMED[spec]
    if isinstance(spec, numbers.Real):
        return Constant(float(spec))
    if isinstance(spec, type) and issubclass(spec, Initializer):
        return get(spec())
    if callable(spec):
        return Custom(spec)
    raise TypeError(
        f"an initializer must be a name, a number, an Initializer or a function of (shape, "
        f"stream), got {type(spec).__name__}: pass for example 'glorot_uniform'"
    )


def to_config(init: Initializer) -> str | dict[str, Any]:
    """Return a JSON-able description that `from_config` turns back into the initializer.

    Parameters
    ----------
    init : Initializer

    Returns
    -------
    str or dict

    Raises
    ------
    TypeError
        If it is a function or a class of your own, which cannot be written down.

    Examples
    --------
    >>> to_config(he_normal), to_config(Constant(0.5))
    ('he_normal', {'name': 'constant', 'value': 0.5})
    """
    for name, named in _NAMED.items():
        if named == init:
            return name
    for name, cls in _CLASSES.items():
        if type(init) is cls:
            settings = vars(init).items()
            return {"name": name} | {
                k: to_config(v) if isinstance(v, Initializer) else v for k, v in settings
            }
    raise TypeError(
        f"{type(init).__name__} cannot be saved, only the built-in initializers can: "
        f"use one of {', '.join(_CLASSES)}"
    )


def from_config(config: str | dict[str, Any]) -> Initializer:
    """Return the initializer that `to_config` described.

    Parameters
    ----------
    config : str or dict

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If the name or one of the options is not known.

    Examples
    --------
    >>> from_config({"name": "normal", "std": 0.02})
    Normal(std=0.02)
    """
    if isinstance(config, str):
        return get(config)
    options = {key: value for key, value in config.items() if key != "name"}
    name = config.get("name")
    if name not in _CLASSES:
        raise unknown("initializer", name, _CLASSES)
    fields = list(inspect.signature(_CLASSES[name]).parameters)
    for key in options:
        if key not in fields:
            raise unknown(f"option of initializer {name!r}", key, fields)
    rest = options.get("rest")
    if isinstance(rest, str) or (isinstance(rest, dict) and "rest" not in rest):
        options["rest"] = from_config(rest)
    return _CLASSES[name](**options)
