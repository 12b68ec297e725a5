"""Tables from data frames, arrays, Parquet files and plain Python: whatever has columns."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gdcore.errors import missing
from gdcore.tabular.table import MISSING, Raw, Table, check_names, plain
from gdcore.tabular.texts import Coded, Texts

__all__ = ["days_of", "from_columns", "from_frame", "from_rows", "narwhals"]

_DAY = 86_400_000_000.0
EXACT = 2**53  # whole numbers below this are those of float64


def narwhals(what: str) -> Any:
    """The module through which frames of every make are read.

    Raises
    ------
    ImportError
        If it is not there; the message says what to install.
    """
    try:
        import narwhals as nw
    except ImportError as error:
        raise missing(f"{what} need narwhals", "tabular", error) from None
    return nw


def from_frame(data: Any, source: str = "the table") -> Table:
    """A table from a pandas, polars, Arrow or narwhals frame.

    Raises
    ------
    TypeError
        If it is none of these, or lazy.
    ValueError
        If two columns have one name.
    """
    nw = narwhals("data frames")
    if type(data).__module__.startswith("pandas") and hasattr(data, "columns"):
        names = data.columns
        check_names(source, [str(n) for n in names])
        data = data.set_axis([str(n) for n in names], axis=1)
    elif hasattr(data, "column_names"):  # Arrow allows one name twice
        check_names(source, data.column_names)
    try:
        frame = nw.from_native(data)
    except TypeError:
        raise TypeError(
            f"{source} is a {type(data).__name__}, expected a path, a data frame (pandas, polars, "
            "Arrow), a dict of columns, a list of rows or a 2-D array"
        ) from None
    if isinstance(frame, nw.LazyFrame):
        raise TypeError(f"{source} is lazy, expected its rows: call .collect() on it")
    return Table(source, {s.name: _series(nw, s) for s in frame.iter_columns()})


def _series(nw: Any, series: Any) -> Raw:
    """A column of a frame."""
    dtype = series.dtype
    if dtype in (nw.Categorical, nw.Enum):
        order = None if dtype == nw.Categorical else tuple(dtype.categories)
        native = series.to_native()
        if type(native).__module__.startswith("pandas"):
            told = None if order is None else tuple(map(_name, order))
            return Raw("category", _by_codes(native.cat.codes, native.cat.categories, _name), told)
        return _declared(series.to_list(), order)
    if dtype == nw.Boolean:
        return Raw("boolean", _floats(series.to_list()))
    if dtype.is_numeric():
        if dtype.is_decimal() or (series.null_count() and not dtype.is_float()):
            return Raw("number", _floats(series.to_list()))
        try:
            return Raw("number", np.asarray(series.to_numpy(), dtype=np.float64))
        except (TypeError, ValueError):  # an object of the frame's own stands for missing ones
            return Raw("number", _floats(series.to_list()))
    if dtype == nw.Duration:
        return _objects(series.to_list())
    if dtype.is_temporal() and dtype in (nw.Date, nw.Datetime):
        return Raw("date", days_of(series.to_list()))
    return _objects(series.to_list())


def _floats(values: Iterable[Any]) -> NDArray[np.float64]:
    return np.array([np.nan if _absent(v) else float(v) for v in values], dtype=np.float64)


def days_of(values: Iterable[Any]) -> NDArray[np.float64]:
    """Dates as days since 1970-01-01, in UTC where they know their zone."""
    out = []
    for v in values:
        if _absent(v):
            out.append(np.nan)
            continue
        if isinstance(v, datetime.datetime) and v.tzinfo is not None:
            v = v.astimezone(datetime.UTC).replace(tzinfo=None)
        out.append(float(np.datetime64(v, "us").astype(np.int64)) / _DAY)
    return np.array(out, dtype=np.float64)


def _absent(v: Any) -> bool:
    # NaT and pandas.NA compare unlike everything: NaN and NaT with themselves, NA to no truth.
    return v is None or type(v).__name__ in ("NAType", "NaTType") or (
        isinstance(v, float | np.floating | np.datetime64) and v != v
    )  # fmt: skip


def _by_codes(codes: Any, names: Sequence[Any], spelt: Callable[[Any], str]) -> Texts:
    """Texts by their places in a list of names, -1 where they are missing."""
    place: dict[str, int] = {}
    own = [None if _absent(name) else spelt(name) for name in names]
    told = [-1 if t is None or t in MISSING else place.setdefault(t, len(place)) for t in own]
    found = np.array([*told, -1], np.int32)[np.asarray(codes)]
    return Texts.of_codes(Coded(found, list(place)))


def _objects(values: Sequence[Any]) -> Raw:
    """A column of Python objects: of one kind, or text."""
    kinds = set(map(type, values))
    if float in kinds and kinds <= {str, float, type(None)}:  # pandas has NaN for a missing text
        values = [None if v != v else v for v in values]
        kinds = set(map(type, values))
    if str in kinds and kinds <= {str, type(None)}:
        return Raw("text", _by_codes(*Texts(values).coded, _text))
    present = [v for v in values if not _absent(v)]
    if present and all(isinstance(v, bool | np.bool_) for v in present):
        return Raw("boolean", _floats(values))
    numeric = (int, float, Decimal, np.number)
    if present and all(isinstance(v, numeric) and not isinstance(v, bool) for v in present):
        return Raw("number", _floats(values))
    if present and all(isinstance(v, datetime.date | np.datetime64) for v in present):
        return Raw("date", days_of(values))
    if present and all(isinstance(v, datetime.timedelta) for v in present):
        return Raw("number", _floats([None if _absent(v) else v.total_seconds() for v in values]))
    texts = (None if _absent(v) else _text(v) for v in values)
    return Raw("text", [None if t is None or t in MISSING else t for t in texts])


def _declared(values: Iterable[Any], order: Iterable[Any] | None = None) -> Raw:
    """A column that was declared to be names, whatever it holds."""
    names = (None if _absent(v) else _name(v) for v in values)
    told = None if order is None else tuple(_name(v) for v in order)
    return Raw("category", [None if n is None or n in MISSING else n for n in names], told)


def _name(value: Any) -> str:
    """A category as people write it: 3 for 3.0."""
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return plain(float(value)) if -EXACT < float(value) < EXACT else str(value)
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def from_columns(data: Mapping[str, Any], source: str = "the table") -> Table:
    """A table from a dict of columns.

    Raises
    ------
    ValueError
        If they are not equally long, or one is no column.
    """
    columns = {}
    for name, values in data.items():
        if str(getattr(values, "dtype", "")).lower().startswith(("categor", "enum")):
            kind = values.dtype  # of pandas or polars
            known = getattr(kind, "ordered", str(kind).lower().startswith("enum"))
            columns[str(name)] = _declared(values, kind.categories if known else None)
            continue
        array = np.asarray(values) if not isinstance(values, list | tuple) else None
        if isinstance(values, str) or (array is not None and array.ndim != 1):
            raise ValueError(
                f"{source}: column {name!r} is {type(values).__name__}, expected a list of values"
            )
        columns[str(name)] = _array(array) if array is not None else _objects(list(values))
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        a, b = min(lengths, key=lambda n: lengths[n]), max(lengths, key=lambda n: lengths[n])
        raise ValueError(
            f"{source}: column {a!r} has {lengths[a]} values and {b!r} has {lengths[b]}, expected "
            "as many in each"
        )
    return Table(source, columns)


def _array(array: NDArray[Any]) -> Raw:
    if array.dtype.kind == "b":
        return Raw("boolean", array.astype(np.float64))
    if array.dtype.kind in "iuf":
        return Raw("number", array.astype(np.float64))
    if array.dtype.kind == "M":
        return Raw("date", days_of(array.astype("datetime64[us]")))
    return _objects(array.tolist())


def from_rows(data: Any, source: str = "the table") -> Table:
    """A table from a list of dicts, or from a 2-D array, whose columns are called "0", "1", …

    Raises
    ------
    ValueError
        If a row lacks a column that another has, or it is not 2-D.
    """
    if isinstance(data, list | tuple) and data and all(isinstance(r, Mapping) for r in data):
        names = list(dict.fromkeys(str(name) for row in data for name in row))
        for i, row in enumerate(data):
            lacking = [name for name in names if name not in row]
            if lacking:
                raise ValueError(
                    f"{source}: row {i} has no {lacking[0]!r}, expected the same columns in each "
                    "row: add it, with None where it is missing"
                )
        return from_columns({name: [row[name] for row in data] for name in names}, source)
    array = np.asarray(data)
    if array.dtype.names:
        return from_columns({name: array[name] for name in array.dtype.names}, source)
    if array.ndim != 2:
        raise ValueError(
            f"{source} has the shape {array.shape}, expected rows and columns: (n, columns)"
        )
    return Table(source, {str(i): _array(array[:, i]) for i in range(array.shape[1])})
