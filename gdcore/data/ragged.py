"""Sequences of several lengths, in batches of about one length each."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gdcore.data.arrays import as_array
from gdcore.data.steps import Sequences, Steps

BUCKETS = 8  # by default at most
CANDIDATES = 64  # lengths among which those of buckets are chosen


def sequences(
    arrays: Any, y: Any = None, bucket: bool | int | Sequence[int] = True
) -> Sequences | tuple[Sequences, Any]:
    """Sequences of several lengths, for `fit`, `evaluate` and `predict`: batches of about one length each.

    A batch has sequences of one bucket, padded with zeros to its length. A model of two inputs gets their lengths
    too, (batch,) of whole numbers, or, where its second input is (steps,) or is called "mask", a mask of 1 and 0; one
    of a single input has to know the padding itself, by `Masking` or `Embedding` with ``mask_zero=True``. Its layers
    are traced and planned once for each bucket, over the same weights. Which sequences are in a batch, and the order
    of batches, are functions of the seed and the epoch.

    Parameters
    ----------
    arrays : sequence of arrays or lists, each (length,) of ids or (length, features)
        Lengths may be 0.
    y : array (samples, ...) or sequence of arrays, each (length, ...), optional
        Targets: of each sample, or of each of its steps.
    bucket : bool, int or sequence of int
        Whether there are several buckets, at most 8, of lengths that leave the least padding; how many there may
        be; or their lengths. Without, all are padded to the longest.

    Returns
    -------
    x : Sequences
        With targets, a pair (x, y), as in ``model.fit(*gd.data.sequences(arrays, y))``.

    Raises
    ------
    ValueError, TypeError
        If a sequence holds no numbers, differs from the others in its features, or is longer than the longest
        bucket; if targets are not one for each sample or step.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> rng = np.random.default_rng(0)
    >>> texts = [rng.integers(1, 9, n) for n in rng.integers(2, 30, 40)]
    >>> x, y = gd.data.sequences(texts, [len(t) > 15 for t in texts])
    >>> model = gd.Sequential([gd.Embedding(9, 4, mask_zero=True), gd.GRU(8), gd.Dense(2)])
    >>> history = model.compile("adam", "cross_entropy").fit(x, y, batch_size=8, verbose=0)
    >>> model.predict(x).shape
    (40, 2)
    """
    rows = _rows(arrays, "sequences")
    x = Sequences(rows, _buckets(np.array([len(a) for a in rows], int), bucket))
    if y is None:
        return x
    if not hasattr(y, "__len__") or len(y) != len(rows):
        count = len(y) if hasattr(y, "__len__") else "no rows"
        raise ValueError(
            f"sequences: y has {count} and there are {len(rows)} sequences: expected one for each"
        )
    return x, _targets(y, x.lengths)


def _rows(arrays: Any, what: str) -> list[np.ndarray]:
    """Each sequence as an array, all of one type and of the same features."""
    if not isinstance(arrays, list | tuple | np.ndarray) or not len(arrays):
        raise TypeError(
            f"{what} of {type(arrays).__name__}: expected a list of arrays or lists, one for each sample, and at "
            "least one"
        )
    rows = [as_array(a, f"{what}[{i}]") if len(a) else None for i, a in enumerate(arrays)]
    some = [a for a in rows if a is not None]
    if not some:
        raise ValueError(f"{what}: all of them are empty")
    for i, a in enumerate(rows):
        if a is not None and (a.ndim < 1 or a.shape[1:] != some[0].shape[1:]):
            raise ValueError(
                f"{what}[{i}] has the shape {a.shape}, and others (length, "
                f"{', '.join(map(str, some[0].shape[1:]))}): expected the same features in each"
            )
    kind = np.result_type(*{a.dtype for a in some})
    kind = np.dtype(np.int32) if kind.kind in "iu" and _small(some) else kind
    empty = np.zeros((0, *some[0].shape[1:]), kind)
    return [empty if a is None else a.astype(kind, copy=False) for a in rows]


def _small(rows: Sequence[np.ndarray]) -> bool:
    limit = np.iinfo(np.int32)
    return all(limit.min <= a.min() and a.max() <= limit.max for a in rows if a.size)


def _targets(y: Any, lengths: np.ndarray) -> Any:
    """Targets of each step where they come as sequences of the same lengths, else y as it is."""
    ragged = isinstance(y, list | tuple) and all(np.ndim(a) > 0 or hasattr(a, "__len__") for a in y)
    if not ragged:
        return y
    found = [len(a) for a in y]
    if found == lengths.tolist():
        return Steps(_rows(y, "y"))
    if len(set(found)) > 1:
        i = next(i for i, (a, b) in enumerate(zip(found, lengths, strict=True)) if a != b)
        raise ValueError(
            f"sequences: y[{i}] has {found[i]} targets and its sequence {lengths[i]} steps: expected one for each "
            "step, or one for each sample"
        )
    return y


def _buckets(lengths: np.ndarray, bucket: Any) -> list[int]:
    """The lengths of the buckets, sorted."""
    longest = max(1, int(lengths.max()))
    if bucket is False:
        return [longest]
    if bucket is True:
        return best_buckets(lengths, BUCKETS)
    if isinstance(bucket, list | tuple | np.ndarray):
        given = sorted({_whole(n) for n in bucket})
        if not given or longest > given[-1]:
            raise ValueError(
                f"sequences bucket={list(bucket)!r}: the longest sequence has {longest} steps; cut it, or give a "
                "bucket of at least as many"
            )
        return given
    return best_buckets(lengths, _whole(bucket))


def _whole(value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(
            f"sequences bucket={value!r}: expected True, False, a number of buckets of at least 1, or their lengths"
        )
    return number


def best_buckets(lengths: np.ndarray, most: int) -> list[int]:
    """At most so many lengths to which sequences are padded with the fewest steps in all.

    Of many different lengths some are looked at, as many sequences lying between one and the next.
    """
    found, counts = np.unique(np.maximum(lengths, 1), return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    if len(found) > CANDIDATES:
        at = np.unique(np.searchsorted(below[1:], np.linspace(0, below[-1], CANDIDATES + 1)[1:]))
        found, below = found[at], below[[0, *(at + 1)]]
    n, k = len(found), min(most, len(found))
    # cost[j]: of the shortest j lengths, the last of which is a bucket
    cost = np.full(n + 1, np.inf)
    cost[0] = 0.0
    choices = []
    for _ in range(k):
        each = cost[:, None] + (below[None, 1:] - below[:, None]) * found[None, :]
        each[np.tril_indices(n + 1, -1, n)] = np.inf  # a bucket holds the lengths below its own
        choices.append(each.argmin(0))
        cost = np.minimum(np.concatenate([[0.0], each.min(0)]), np.inf)
    out, j = [], n
    for choice in reversed(choices):
        if j:
            out.append(int(found[j - 1]))
            j = int(choice[j - 1])
    return out[::-1]
