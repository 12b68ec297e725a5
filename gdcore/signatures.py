"""Arguments of users' functions and of constructors: their order, and other libraries' names for them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

__all__ = ["Constructed", "Fields", "check_shadows", "own_name", "reversed_arguments"]

# Other libraries' names of arguments; accepted if the constructor has the argument on the right.
_ARGUMENTS = {
    "alpha": "rho",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "clipnorm": "clip_norm",
    "depthwise_initializer": "kernel_initializer",
    "dilation_rate": "dilation",
    "clipvalue": "clip_value",
    "eps": "epsilon",
    "global_clipnorm": "clip_norm",
    "initial_accumulator_value": "initial_accumulator",
    "learning_rate": "lr",
    "restore_best_weights": "restore_best",
}
_PAIRED = {"beta_1": ("betas", 0), "beta_2": ("betas", 1)}
_NO_CONSTRAINT = (
    "there are no constraints: in a layer of your own, use gd.ops.clip(self.param(...), low, high)"
)
_PENALTY = "pass kernel_l1= and kernel_l2=; keras.regularizers.l2(0.01) is kernel_l2=0.01"
_SIZES = "sizes are taken from the data, or from gd.Input(shape) before the first layer"
_ABSENT_ARGUMENTS = {
    "activity_regularizer": "give the model a second output, with a loss of its own",
    "amsgrad": "use gd.AMSGrad",
    "baseline": "there is none: a gd.LambdaCallback may set model.stop_training",
    "batch_input_shape": _SIZES,
    "bias": "use use_bias=",
    "bias_constraint": _NO_CONSTRAINT,
    "bias_regularizer": "pass bias_l1= and bias_l2= where the layer has them",
    "data_format": "images are (n, height, width, channels)",
    "decay": "give lr a schedule, such as gd.schedules.Exponential",
    "dtype": "model.compile(dtype='float64') sets the precision of all layers",
    "ema_momentum": "there is no averaging of weights",
    "gradient_accumulation_steps": "give fit a larger batch_size",
    "in_channels": _SIZES,
    "in_features": _SIZES,
    "input_dim": _SIZES,
    "input_shape": _SIZES,
    "jit_compile": "every model is compiled",
    "kernel_constraint": _NO_CONSTRAINT,
    "kernel_regularizer": _PENALTY,
    "loss_scale_factor": "there is no half precision that would need it",
    "lr_decay": "give lr a schedule, such as gd.schedules.Exponential",
    "maximize": "negate the loss",
    "recurrent_constraint": _NO_CONSTRAINT,
    "recurrent_regularizer": "there is none: write the layer with self.param(..., l2=...)",
    "save_freq": "it saves once an epoch; gd.Checkpoint has every_steps=",
    "save_weights_only": "the file holds weights, architecture and optimizer; gd.load reads it",
    "stateful": "pass initial_state= in the call, and return_state=True: the states are values of the model",
    "start_from_epoch": "there is none: a gd.LambdaCallback may set model.stop_training",
    "trainable": "set layer.trainable = False",
    "unroll": "a loop is one instruction of the plan, with nothing to unroll",
    "use_ema": "there is no averaging of weights",
}


def check_shadows(made: object) -> None:
    """Refuse an object with an attribute that hides a method of its class, unless that is a function.

    Also refuse an object whose class has a `call` instead of a `forward`, as layers of Keras do.

    Parameters
    ----------
    made : object

    Raises
    ------
    AttributeError, TypeError
        If one does; if there is a `call`.

    Examples
    --------
    >>> class Example:
    ...     def fit(self): ...
    >>> made = Example()
    >>> made.fit = 3
    >>> try:
    ...     check_shadows(made)
    ... except AttributeError as error:
    ...     print(str(error)[:52])
    self.fit = int(...) in Example hides its method fit:
    """
    cls = type(made)
    forward = getattr(cls, "forward", None)
    if (
        hasattr(cls, "call")
        and getattr(forward, "__qualname__", "") in ("Layer.forward", "Model.forward")
        and forward.__module__.startswith("gdcore.")
        and (not hasattr(made, "_engine") or made._engine.definition.inputs is None)
    ):
        raise TypeError(
            f"{cls.__name__} has call(self, ...): write the computation as forward(self, ...)"
        )
    for name, value in vars(made).items():
        if callable(getattr(cls, name, None)) and not inspect.isroutine(value):
            raise AttributeError(
                f"self.{name} = {type(value).__name__}(...) in {cls.__name__} hides its method "
                f"{name}: give the attribute another name, such as self.{name}_"
            )


_TARGETS = {
    "true",
    "ytrue",
    "target",
    "targets",
    "label",
    "labels",
    "truth",
    "actual",
    "gt",
    "observed",
}
_PREDICTIONS = {
    *("pred", "preds", "ypred", "predicted", "prediction", "predictions", "hat", "yhat"),
    *("output", "outputs", "logit", "logits", "estimate", "estimates"),
}


def _role(name: str) -> str:
    words = set(name.lower().split("_"))
    target, prediction = bool(words & _TARGETS), bool(words & _PREDICTIONS)
    return "" if target == prediction else "target" if target else "prediction"


def reversed_arguments(function: Any, order: tuple[str, str]) -> bool:
    """Whether a function takes its arguments in the opposite order, told by their names.

    Parameters
    ----------
    function : callable
        Of two arguments.
    order : ("prediction", "target") or ("target", "prediction")
        In which it is called where its names do not say.

    Returns
    -------
    bool

    Raises
    ------
    TypeError
        If it cannot be called with two arguments.

    Examples
    --------
    >>> reversed_arguments(lambda y_true, y_pred: 0, ("prediction", "target"))
    True
    >>> reversed_arguments(lambda a, b: 0, ("prediction", "target"))
    False
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # one that is written in C
        return False
    name = getattr(function, "__name__", type(function).__name__)
    try:
        signature.bind(None, None)
    except TypeError:
        raise TypeError(
            f"{name}{signature}: expected a function of ({', '.join(order)}), two arguments"
        ) from None
    positional = [p for p in signature.parameters.values() if p.kind < p.VAR_POSITIONAL]
    if len(positional) < 2:
        return False
    roles = _role(positional[0].name), _role(positional[1].name)
    return roles[0] == order[1] != roles[1] or roles[1] == order[0] != roles[0]


def own_name(name: str, known: Iterable[str]) -> str | None:
    """The argument that another library's name of it stands for, or None.

    Parameters
    ----------
    name : str
    known : iterable of str

    Returns
    -------
    str or None

    Examples
    --------
    >>> own_name("clipvalue", ["lr", "clip_value"]), own_name("beta_1", ["betas"])
    ('clip_value', 'betas')
    """
    name = _ARGUMENTS.get(name, name)
    name = _PAIRED[name][0] if name in _PAIRED else name
    return name if name in known else None


class Fields:
    """The `repr` and `==` of a dataclass, for those with ``repr=False, eq=False``.

    What `dataclass` writes is compiled for each class anew, which takes longer than to import the class.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(repr=False, eq=False)
    ... class Example(Fields):
    ...     lr: float = 0.1
    >>> Example(), Example() == Example(0.1)
    (Example(lr=0.1), True)
    """

    def __repr__(self) -> str:
        told = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr]  # type: ignore[arg-type]
        return f"{type(self).__qualname__}({', '.join(told)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self._compared())

    def _compared(self) -> tuple[Any, ...]:
        return tuple(getattr(self, f.name) for f in fields(self) if f.compare)  # type: ignore[arg-type]


class Constructed(type):
    """Metaclass of classes whose constructors accept other libraries' names of their arguments.

    If the class has a method `_constructed`, it is called after `__init__`.

    Examples
    --------
    >>> class Example(metaclass=Constructed):
    ...     def __init__(self, lr=0.1):
    ...         self.lr = lr
    >>> Example(learning_rate=0.5).lr
    0.5
    """

    def __call__(cls, *args: Any, **settings: Any) -> Any:
        if settings and not _FOREIGN.isdisjoint(settings):
            settings = _renamed(cls, settings)
        made = super().__call__(*args, **settings)
        if hasattr(cls, "_constructed"):
            made._constructed()
        return made

    @property
    def __signature__(cls) -> inspect.Signature:
        """The signature of `__init__`, instead of that of the metaclass's `__call__`."""
        if cls.__init__ is object.__init__:  # type: ignore[misc]
            return inspect.Signature()
        signature = inspect.signature(cls.__init__)  # type: ignore[misc]
        return signature.replace(parameters=list(signature.parameters.values())[1:])


_FOREIGN = {*_ARGUMENTS, *_PAIRED, *_ABSENT_ARGUMENTS}


def _renamed(cls: type, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments with other libraries' names replaced by gdcore's.

    Raises
    ------
    TypeError
        If one is given twice, or is not there.
    """
    own = inspect.signature(cls).parameters
    if any(p.kind is p.VAR_KEYWORD for p in own.values()):
        return dict(settings)
    out: dict[str, Any] = {}
    parts: dict[str, dict[int, Any]] = {}
    for name, value in settings.items():
        target = name if name in own else _ARGUMENTS.get(name, name)
        if target in _PAIRED and target not in own and _PAIRED[target][0] in own:
            whole, at = _PAIRED[target]
            parts.setdefault(whole, {})[at] = value
            continue
        if target not in own and name in _ABSENT_ARGUMENTS:
            raise TypeError(f"{cls.__name__} has no argument {name!r}: {_ABSENT_ARGUMENTS[name]}")
        if target not in own:
            target = name  # the constructor's own error names it
        if target in out:
            raise TypeError(f"{cls.__name__} got {target} and {name}, which are one: pass {target}")
        if name == "clipnorm" != target:
            warnings.warn(
                f"{cls.__name__}(clipnorm=) is taken for {target}, which scales all gradients "
                "together as Keras's global_clipnorm does; Keras's clipnorm scales each by itself",
                stacklevel=4,
            )
        out[target] = value
    for whole, values in parts.items():
        if whole in out:
            raise TypeError(f"{cls.__name__} got {whole} and parts of it: pass {whole}")
        given = list(own[whole].default)
        for at, value in values.items():
            given[at] = value
        out[whole] = tuple(given)
    return out
