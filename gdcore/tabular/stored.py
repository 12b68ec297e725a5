"""A transformation from the JSON of a model's file, which is not trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, replace
from typing import Any, TypeVar

from gdcore.engine.engine import engine_of
from gdcore.graph.ir import INT
from gdcore.io.graph_kinds import bad, real, truth
from gdcore.losses import Quantile
from gdcore.model import Model
from gdcore.tabular.columns import COLUMNS, Number
from gdcore.tabular.decision import Decision
from gdcore.tabular.encoding import Encoder
from gdcore.tabular.heads import MEDIAN
from gdcore.tabular.kinds import KINDS
from gdcore.tabular.notation import LONGEST_UNIT, Notation, check_marks
from gdcore.tabular.scoring import Decisions
from gdcore.tabular.settings import Settings
from gdcore.tabular.several import AnyTarget, Targets
from gdcore.tabular.target import TASKS, Target
from gdcore.tabular.words import Text
from gdcore.text.base import READER
from gdcore.text.ngrams import NGrams

__all__ = ["fitted", "read_decision", "read_encoder", "read_epochs", "read_settings"]

T = TypeVar("T")
MOST = 1_000_000  # entries of a list


def _text(x: Any, what: str) -> str:
    if not isinstance(x, str):
        raise bad(what, x, "text")
    return x


def _list(x: Any, what: str) -> list[Any]:
    if not isinstance(x, list) or len(x) > MOST:
        raise bad(what, x, "a list")
    return x


def _texts(x: Any, what: str) -> tuple[str, ...]:
    return tuple(_text(t, what) for t in _list(x, what))


def _reals(x: Any, what: str) -> tuple[float, ...]:
    return tuple(_number(v, what) for v in _list(x, what))


def _number(x: Any, what: str) -> float:
    value = real(x)
    if value in (float("inf"), float("-inf")):
        raise bad(what, x, "a finite number")
    return value


def _whole(x: Any, what: str) -> int:
    if isinstance(x, bool) or not isinstance(x, int) or not 0 <= x < 2**64:
        raise bad(what, x, "a whole number")
    return x


def _wholes(x: Any, what: str) -> tuple[int, ...]:
    return tuple(_whole(v, what) for v in _list(x, what))


def _or_none(check: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda x, what: None if x is None else check(x, what)


def _notation(x: Any, what: str) -> Notation:
    parts = _texts(x, what)
    if len(parts) != 3 or len(parts[2]) > LONGEST_UNIT:
        raise bad(what, x, "marks of decimals and thousands, and a unit")
    _marks(parts[0], parts[1] or None, what)
    return Notation(*parts)


def _weights(x: Any, what: str) -> Any:
    if not isinstance(x, Mapping):
        return _text(x, what)
    return {_text(k, what): _number(v, what) for k, v in x.items()}


def _marks(decimal: Any, thousands: Any, what: str) -> None:
    try:
        check_marks(decimal, thousands)
    except ValueError as error:
        raise bad(what, str(error), "marks that a number can have") from None


# By the annotation of an attribute: what it may be.
CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "str": _text,
    "bool": lambda x, what: truth(x),
    "float": _number,
    "int": _whole,
    "tuple[float, ...]": _reals,
    "tuple[str, ...]": _texts,
    "tuple[int, ...]": _wholes,
    "Notation": _notation,
    "dict[str, float] | str": _weights,
}
CHECKS |= {f"{name} | None": _or_none(check) for name, check in CHECKS.items()}


def _made(cls: type[T], config: Any, what: str) -> T:
    """A dataclass from the description that its attributes were written to."""
    if not isinstance(config, Mapping):
        raise bad(what, config, "an object")
    known = {f.name: str(f.type) for f in fields(cls)}  # type: ignore[arg-type]
    given = {k: v for k, v in config.items() if k != "kind"}
    needed = {f.name for f in fields(cls) if f.default is MISSING}  # type: ignore[arg-type]
    if not needed <= set(given) <= set(known):
        raise bad(what, sorted(given), f"the entries {', '.join(known)}")
    return cls(**{n: CHECKS[known[n]](v, f"{n!r} of {what}") for n, v in given.items()})


def _one_of(x: Any, what: str, known: tuple[str, ...]) -> None:
    if x not in known:
        raise bad(what, x, f"one of {', '.join(known)}")


def read_encoder(config: Any) -> Encoder:
    """The transformation that `Encoder.config` described.

    Raises
    ------
    FileFormatError
        If it does not make sense.
    """
    if not isinstance(config, Mapping):
        raise bad("'encoder'", config, "an object")
    columns = []
    for i, described in enumerate(_list(config.get("columns"), "'columns'")):
        kind = described.get("kind") if isinstance(described, Mapping) else None
        if not isinstance(kind, str) or kind not in COLUMNS:
            raise bad(f"the kind of column {i}", kind, f"one of {', '.join(COLUMNS)}")
        column = _made(COLUMNS[kind], described, f"column {i}")
        scale = getattr(column, "scale", 1.0)
        if scale <= 0:
            raise bad(f"'scale' of column {i}", scale, "a number above 0")
        if isinstance(column, Number):
            _one_of(column.how, f"'how' of column {i}", KINDS["number"])
            marks = column.landmarks
            if list(marks) != sorted(marks) or (column.how == "quantile") != (len(marks) > 1):
                raise bad(f"'landmarks' of column {i}", list(marks), "two or more that rise")
        columns.append(column)
    target = _targets(config.get("target"))
    names = _texts(config.get("names"), "'names'")
    own = [c.name for c in columns]
    if not own or len(set(own)) < len(own) or not {*own, *target.names} <= set(names):
        raise bad("the columns", own, "different ones, all of them among 'names'")
    ignored = config.get("ignored")
    if not isinstance(ignored, Mapping):
        raise bad("'ignored'", ignored, "an object")
    ignored = {_text(k, "'ignored'"): _text(v, "'ignored'") for k, v in ignored.items()}
    return Encoder(tuple(columns), target, ignored, _layout(config.get("layout")), names)


def _targets(config: Any) -> AnyTarget:
    if not isinstance(config, Mapping) or "columns" not in config:
        return _target(config)
    made = tuple(_target(c) for c in _list(config["columns"], "'columns' of the target"))
    if len(made) < 2 or any(t.ordered for t in made):
        raise bad("'columns' of the target", config["columns"], "two or more, without an order")
    return Targets(made)


def _target(config: Any) -> Target:
    target = _made(Target, config, "the target")
    _one_of(target.task, "'task' of the target", TASKS)
    if (target.classes is None) != (target.task == "regression") or target.scale <= 0:
        raise bad("the target", target, "classes, or a quantity with its scale")
    if target.ordered and target.classes is None:
        raise bad("'ordered' of the target", target.ordered, "classes that have an order")
    if target.whole and not all(c.lstrip("-").isdecimal() for c in target.classes or ()):
        raise bad("'classes' of the target", target.classes, "whole numbers")
    if len(target.prior) not in (0, len(target.classes or (0.0,))):
        raise bad("'prior' of the target", list(target.prior), "a share of each class, or a mean")
    if target.log_unit is not None and target.log_unit <= 0:
        raise bad("'log_unit' of the target", target.log_unit, "a number above 0")
    return target


def _layout(layout: Any) -> dict[str, Any]:
    known = ("delimiter", "header", "encoding", "decimal", "thousands", "na")
    if not isinstance(layout, Mapping) or not set(layout) <= set(known):
        raise bad("'layout'", layout, f"some of {', '.join(known)}")
    delimiter = layout.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise bad("'delimiter'", delimiter, "one character")
    truth(layout.get("header", True))
    _text(layout.get("encoding", ""), "'encoding'")
    _marks(layout.get("decimal"), layout.get("thousands"), "'layout'")
    _texts(layout.get("na", []), "'na'")
    return dict(layout)


def read_settings(config: Any) -> Settings:
    """The settings that `Settings.config` described.

    Raises
    ------
    FileFormatError
        If they do not make sense.
    """
    settings = _made(Settings, config, "'settings'")
    try:
        settings.check()
    except (ValueError, TypeError) as error:
        raise bad("'settings'", str(error), "settings that can be") from None
    return settings


def read_decision(config: Any, target: AnyTarget) -> Decisions:
    """What lies between scores and answers, as `Decision.config` described it; usual if None.

    Raises
    ------
    FileFormatError
        If it does not make sense.
    """
    if isinstance(target, Target):
        return _decision(config, target)
    if not isinstance(config, list) or len(config) != len(target.names):
        raise bad("'decision'", config, "a list with one for each target")
    return tuple(_decision(c, t) for c, t in zip(config, target.each, strict=True))


def _decision(config: Any, target: Target) -> Decision:
    if config is None:
        return Decision()
    decision = _made(Decision, config, "'decision'")
    if decision.temperature <= 0 or decision.positive > 1:
        raise bad("'decision'", config, "a temperature above 0, and the number of one of 2 classes")
    if decision.threshold is not None and not (
        0 < decision.threshold < 1 and len(target.classes or ()) == 2
    ):
        raise bad("'threshold' of 'decision'", decision.threshold, "a probability, of 2 classes")
    if decision.margin is not None and (decision.margin < 0 or target.classes is not None):
        raise bad("'margin' of 'decision'", decision.margin, "at least 0, of a quantity")
    return decision


def read_epochs(count: Any) -> int:
    """How many epochs were best; 0 where a file does not tell."""
    return _whole(count, "'epochs'")


def fitted(encoder: Encoder, network: Model) -> Encoder:
    """The encoder with the vectorizers of texts that the inputs of its network hold.

    Raises
    ------
    FileFormatError
        If the network does not take what the encoder makes of a table.
    """
    made = engine_of(network).network()
    readers = [v.attrs[READER] for v in made.inputs if READER in v.attrs]
    if len(readers) != len(encoder.texts) or not all(isinstance(r, NGrams) for r in readers):
        raise bad("the network's inputs of text", len(readers), f"{len(encoder.texts)} of n-grams")
    given = iter(readers)
    columns = (
        replace(c, vectorizer=next(given)) if isinstance(c, Text) else c for c in encoder.columns
    )
    encoder = replace(encoder, columns=tuple(columns))
    numbers = sum(c.width for c in encoder.numeric)
    want: list[tuple[int, ...]] = [(numbers,)] if numbers else []
    want += [()] * len(encoder.categories)
    want += [c.learned.shape for c in encoder.texts]
    got = [tuple(v.shape[1:]) for v in made.inputs]
    target = encoder.target
    apart = target.widths if isinstance(target, Targets) and target.mixed else []
    if got != want or len(made.outputs) != max(1, len(apart)):
        outputs = f"{len(apart)} outputs" if apart else "one output"
        raise bad("the network's inputs", got, f"inputs of the shapes {want}, and {outputs}")
    codes = made.inputs[1 if numbers else 0 :]
    for leaf, column in zip(codes, encoder.categories, strict=False):  # texts follow
        if leaf.dtype != INT or made.index_limits.get(leaf, column.count) < column.count:
            raise bad(f"the vectors of {column.name!r}", leaf.name, f"{column.count} of them")
    if apart:
        shapes = [tuple(v.shape[1:]) for v in made.outputs]
        if shapes != [(n,) for n in apart] or not network.compiled:
            raise bad("the network's outputs", shapes, f"{apart} numbers, and a loss of each")
        return encoder
    classes, many = encoder.target.each[0].classes, len(encoder.target.each)
    shape = tuple(made.outputs[0].shape[1:])
    if many > 1:
        if shape != (many,):
            raise bad("the network's output", shape, f"one for each of {many} targets")
        classes = None
    loss = network.losses[0] if network.compiled else None
    if isinstance(loss, Quantile) and isinstance(loss.q, tuple):
        if classes is not None or many > 1 or MEDIAN not in loss.q:
            raise bad(
                "the loss quantile",
                loss.q,
                "the median of one quantity, and others of its quantiles",
            )
        many = len(loss.q)
    fits = {(many,)} if classes is None or len(classes) == 2 else set()
    if encoder.target.each[0].ordered:
        classes = (classes or ())[1:]
    if shape not in fits | ({(len(classes),)} if classes is not None else set()):
        raise bad("the network's output", shape, "one for each class, or for the quantity")
    if not network.compiled:
        raise bad("'compiled'", None, "the loss that the network was trained with")
    return encoder
