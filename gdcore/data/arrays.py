"""Converts and validates the data of users: arrays of types that C reads, or sparse rows."""

from __future__ import annotations

import mmap
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.data.frames import ColumnNames, Frame, frame_of
from gdcore.data.image_files import ImageFiles
from gdcore.data.image_rows import AugmentedImages
from gdcore.data.sparse import SparseRows, is_sparse
from gdcore.data.steps import Sequences
from gdcore.errors import cut

READABLE = {"uint8", "int32", "int64", "float32", "float64"}
# Types of data sets that C gathers from in place, converting batch by batch.
GATHERED = READABLE | {"int8", "uint16", "int16", "uint32", "float16"}
LARGE = 1 << 28  # bytes from which on a copy is worth a warning

ABSENT = {"NAType", "NaTType"}  # types of pandas' missing values


Rows = np.ndarray | SparseRows | AugmentedImages | ImageFiles


def is_masked_array(data: Any) -> bool:
    """Whether it is a masked array. numpy.ma takes 12 ms to import, so it is looked up, not imported."""
    ma = sys.modules.get("numpy.ma")
    return ma is not None and isinstance(data, ma.MaskedArray)


def as_array(
    data: Any, what: str, by_rows: bool = False, columns: ColumnNames | None = None
) -> np.ndarray:
    """Data as a C-contiguous array of uint8, int32, int64, float32 or float64, copied only if necessary.

    Parameters
    ----------
    data : array, data frame, nested sequence of numbers, or anything with `__array__` or `__dlpack__`
    what : str
        Its name in error messages.
    by_rows : bool
        Also return, without a copy, arrays of any type of `GATHERED` and any stride between rows, if each
        row is contiguous.
    columns : ColumnNames, optional
        The expected order of the columns of a frame.

    Raises
    ------
    TypeError
        If it does not hold numbers.
    ValueError
        If it is ragged, or a frame has other columns than those that are known.
    """
    frame = None if isinstance(data, np.ndarray) else frame_of(data, what)
    if frame is not None:
        order = None if columns is None else columns.order(what, frame.names)
        array = _stacked(frame, order, what)
    else:
        array = _numbers(data, what)
    kind = array.dtype.kind
    wanted: np.dtype[Any]
    if kind == "b":
        wanted = np.dtype(np.uint8)
    elif array.dtype.newbyteorder("=").name in READABLE:
        wanted = array.dtype.newbyteorder("=")
    elif kind == "f":
        wanted = np.dtype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    else:
        wanted = np.dtype(np.int32 if array.dtype.itemsize < 4 else np.int64)
        if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
            raise ValueError(f"{what} holds {array.max()}, beyond the range of int64")
    if kind == "b":
        array = array.view(np.uint8)
    if array.dtype == wanted and array.flags.c_contiguous and array.dtype.isnative:
        return array
    if by_rows and array.dtype.isnative and array.dtype.name in GATHERED and in_rows(array):
        return array
    if array.nbytes >= LARGE:
        warnings.warn(
            f"{what} ({array.nbytes >> 20} MiB of {array.dtype}, "
            f"{'C' if array.flags.c_contiguous else 'not C'}-contiguous) is copied to C-contiguous "
            f"{wanted}: "
            "pass it that way to save the copy",
            stacklevel=4,
        )
    return np.ascontiguousarray(array, dtype=wanted)


def _numbers(data: Any, what: str) -> np.ndarray:
    """Data as an array of real numbers of any type, copied only if it has to be.

    Raises
    ------
    TypeError, ValueError
        As `as_array`.
    """
    if is_masked_array(data) and np.ma.is_masked(data):
        raise ValueError(
            f"{what} has masked elements: fill them (data.filled(value)) or drop their rows"
        )
    if hasattr(data, "toarray") and hasattr(data, "nnz"):
        raise TypeError(
            f"{what} is a sparse matrix: expected a dense array; "
            "call .toarray() if it fits into memory"
        )
    try:
        if (
            not isinstance(data, np.ndarray)
            and hasattr(data, "__dlpack__")
            and not hasattr(data, "__array__")
        ):
            array = np.from_dlpack(data)
        else:
            array = np.asanyarray(data) if isinstance(data, np.memmap) else np.asarray(data)
    except RuntimeError as error:  # torch raises it for a tensor that requires grad
        raise TypeError(f"{what} cannot be read as an array: {error}") from None
    except (ValueError, TypeError, BufferError) as error:
        if hasattr(data, "__dlpack__"):
            raise TypeError(
                f"{what} is a {type(data).__module__}.{type(data).__name__} that NumPy cannot take "
                f"({error}): expected an array in the computer's memory of a type that NumPy has"
            ) from None
        raise ValueError(
            f"{what} is not a rectangular array of numbers ({error}): "
            "give every row the same length"
        ) from None
    kind = array.dtype.kind
    if kind == "O" and array.ndim:
        # None in a data frame's column is a missing value; in a list it is a mistake.
        array = from_objects(array, what, not isinstance(data, np.ndarray | Sequence))
        kind = array.dtype.kind
    if kind in "OSU":
        raise no_number(array.flat[0] if array.size else "", what)
    if kind == "c":
        raise TypeError(
            f"{what} is complex ({array.dtype}): expected real numbers; take .real or .imag"
        )
    if kind not in "fiub":
        raise TypeError(f"{what} has the dtype {array.dtype}: expected real numbers")
    return array


def no_number(value: Any, what: str) -> TypeError:
    """The error (not raised) for text or another object among numbers."""
    value = value.item() if isinstance(value, np.generic) else value
    return TypeError(
        f"{what} holds {'text' if isinstance(value, str | bytes) else 'objects'} such "
        f"as {cut(repr(value))}: "
        "expected numbers; number the categories first, for example with "
        "np.unique(values, return_inverse=True)[1]"
    )


def from_objects(array: np.ndarray, what: str, missing: bool = False) -> np.ndarray:
    """An array of Python objects as an array of numbers.

    Parameters
    ----------
    array : ndarray of objects
        Numbers and truth values of Python, NumPy, `decimal` and `fractions`. Pandas' NA is NaN.
    what : str
        Its name in error messages.
    missing : bool
        Whether None is converted to NaN.

    Returns
    -------
    ndarray
        Of ints or bools if all elements are, else of float64.

    Raises
    ------
    TypeError
        If another kind of object is among them; the message names it.
    ValueError
        If a number is beyond the range of float64.

    Examples
    --------
    >>> from_objects(np.array([0.5, True, 3], dtype=object), "X")
    array([0.5, 1. , 3. ])
    """
    from decimal import Decimal  # rarely needed; imported late to keep `import gdcore` fast
    from numbers import Real

    values = array.reshape(-1).tolist()
    kinds = set(map(type, values))
    absent = {k for k in kinds if k.__name__ in ABSENT or (missing and k is type(None))}
    strange = {k for k in kinds - absent if not issubclass(k, Real | np.bool_ | Decimal)}
    if strange:
        raise no_number(next(v for v in values if type(v) in strange), what)
    if not absent:
        found = np.array(values)
        if found.dtype.kind in "biuf":
            return found.reshape(array.shape)
    try:
        floats = [np.nan if type(v) in absent else float(v) for v in values]
    except OverflowError:
        raise ValueError(f"{what} holds a number beyond the range of float64") from None
    return np.array(floats, np.float64).reshape(array.shape)


def _stacked(frame: Frame, order: Sequence[int] | None, what: str) -> np.ndarray:
    """The columns of a frame as one array (rows, columns), converted one by one.

    Raises
    ------
    TypeError, ValueError
        As `as_array`; the message names the column.
    """
    places = range(len(frame.columns)) if order is None else order
    columns = []
    for i in places:
        named = f"column {cut(frame.names[i], 40)!r} of {what}"
        column = _numbers(frame.columns[i], named)
        if column.ndim != 1:
            raise ValueError(f"{named} holds arrays of shape {column.shape[1:]}: expected numbers")
        columns.append(column)
    kinds = {c.dtype for c in columns}
    if order is None and len(kinds) == 1:
        whole = np.asarray(frame.whole)  # a view, where one block of memory holds all columns
        if whole.dtype in kinds:
            return whole
    kind = np.result_type(*kinds) if kinds else np.dtype(np.float64)
    made = np.empty((len(frame.whole), len(columns)), kind)
    for i, column in enumerate(columns):
        made[:, i] = column
    return made


def in_rows(array: np.ndarray) -> bool:
    """Whether each row of an array is contiguous, whatever the stride between rows."""
    step = array.itemsize
    for count, stride in zip(array.shape[:0:-1], array.strides[:0:-1], strict=True):
        if count != 1 and stride != step:
            return False
        step *= count
    return array.ndim > 0


def mapping_of(array: Rows) -> mmap.mmap | None:
    """The memory map that an array is a view of, or None."""
    base: Any = array.images if isinstance(array, AugmentedImages) else array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def as_rows(data: Any, what: str, columns: ColumnNames | None = None) -> Rows:
    """Data from which samples can be gathered: an array of contiguous rows, or sparse rows.

    Raises
    ------
    TypeError, ValueError
        As `as_array`, and if the indices of a sparse matrix are not within it.
    """
    if isinstance(data, AugmentedImages | ImageFiles | SparseRows):
        return data
    if not is_sparse(data):
        return as_array(data, what, True, columns)
    if len(data.shape) != 2:
        raise ValueError(f"{what} is a sparse array of shape {data.shape}: expected (n, features)")
    csr = data.tocsr()
    numbers = as_array(csr.data, what, by_rows=True)
    return SparseRows(numbers, csr.indices, csr.indptr, data.shape, what)


def check_finite(array: Rows, what: str) -> None:
    """Raises ValueError at the first NaN or infinity, with its row and column.

    Raises
    ------
    ValueError
        If there is one.
    """
    if isinstance(array, SparseRows):
        if not np.isfinite(array.data).all():
            at = array.place(int(np.flatnonzero(~np.isfinite(array.data))[0]))
            raise not_finite(what, array.data[~np.isfinite(array.data)][0], at)
        return
    if isinstance(array, AugmentedImages):
        array = array.images
    if not isinstance(array, np.ndarray):  # files, of whole numbers
        return
    # A mapped file may not fit into memory: it is not read here, each step checks its own batch.
    if array.dtype.kind != "f" or mapping_of(array) is not None:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):
            return
    for start in range(0, len(array), 65536):
        bad = ~np.isfinite(array[start : start + 65536])
        if bad.any():
            at = np.argwhere(bad)[0]
            at[0] += start
            raise not_finite(what, array[tuple(at)], at)


def not_finite(what: str, value: Any, at: Sequence[int]) -> ValueError:
    """The error (not raised) for a number that is not finite, with its row and column."""
    place = f"row {at[0]}" + (f", column {', '.join(map(str, at[1:]))}" if len(at) > 1 else "")
    return ValueError(
        f"{what} holds {value} at {place}: replace or drop such values before training "
        "(for example np.nan_to_num, or an imputer)"
    )


def as_inputs(
    x: Any,
    names: Sequence[str],
    columns: ColumnNames | None = None,
    readers: Sequence[Any] = (),
) -> list[Rows]:
    """The arrays of a model's inputs, in their order.

    Parameters
    ----------
    x : array, frame or sparse matrix for one input; list or tuple of them, or dict by name, for several
    names : names of the inputs
    columns : ColumnNames, optional
        The expected order of the columns of frames.
    readers : sequence of (Vectorizer or None), optional
        What turns strings into the rows of each input.

    Raises
    ------
    ValueError
        If the number, the names or the lengths do not fit.
    """
    if isinstance(x, Sequences):
        raise TypeError(
            "gd.data.sequences in the place of arrays: fit, evaluate and predict of a model take them, and nothing else"
        )
    if isinstance(x, Mapping):
        if set(x) != set(names):
            raise ValueError(f"X has the inputs {sorted(map(str, x))}: expected {sorted(names)}")
        parts = [x[n] for n in names]
    elif len(names) == 1:
        parts = [x]
    elif isinstance(x, list | tuple):
        parts = list(x)
        if len(parts) != len(names):
            raise ValueError(
                f"X has {len(parts)} arrays and the model {len(names)} inputs ({', '.join(names)})"
            )
    else:
        raise ValueError(
            f"X is one array and the model has {len(names)} inputs ({', '.join(names)}): "
            "give a tuple, or a dict by name"
        )
    what = ["X"] if len(names) == 1 else [f"X[{n!r}]" for n in names]
    readers = readers or [None] * len(parts)
    parts = [
        p if reader is None else reader.read(p, w)
        for p, w, reader in zip(parts, what, readers, strict=True)
    ]
    arrays = [as_rows(p, w, columns) for p, w in zip(parts, what, strict=True)]
    for a, w in zip(arrays, what, strict=True):
        if a.ndim == 0:
            raise ValueError(
                f"{w} is a single number: expected an array with one row for each sample"
            )
        if len(a) != len(arrays[0]):
            raise ValueError(
                f"{what[0]} has {len(arrays[0])} rows and {w} has {len(a)}: "
                "expected as many in each"
            )
    return arrays


def same_length(x: Rows, y: np.ndarray, what: str) -> None:
    """Raises ValueError if `y` does not have as many rows as `x`."""
    if y.ndim == 0 or len(x) != len(y):
        got = "a single number" if y.ndim == 0 else f"{len(y)} rows"
        raise ValueError(f"X has {len(x)} rows and {what} has {got}: expected one for each sample")
