"""Windows of a series: what was seen, and what came after it, as views of the series."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.data.arrays import as_array
from gdcore.setting_checks import whole_number


def windows(
    series: Any, past: int, horizon: int = 0, step: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Every window of a series, as inputs and targets of a forecast: views, nothing is copied.

    Window i begins at element i · `step`: its first `past` elements are the input, the `horizon` elements
    behind them the target. `fit` gathers batches from the views as they are.

    Parameters
    ----------
    series : array (length,) or (length, features)
        In the order of time, equally spaced.
    past : int
        Elements that a forecast sees.
    horizon : int
        Elements that are to be forecast; 0 for windows without a target, as of a series to be predicted.
    step : int
        Elements from the beginning of a window to that of the next.

    Returns
    -------
    x : ndarray (windows, past) or (windows, past, features)
    y : ndarray (windows, horizon) or (windows, horizon, features)
        Both read-only, since neighbouring windows share their elements.

    Raises
    ------
    TypeError
        If the series does not hold numbers.
    ValueError
        If it has other dimensions, is shorter than one window, or a setting is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import gdcore as gd
    >>> x, y = gd.data.windows(np.arange(6), past=3, horizon=2)
    >>> x, y
    (array([[0, 1, 2],
           [1, 2, 3]]), array([[3, 4],
           [4, 5]]))
    """
    array = as_array(series, "series")
    if array.ndim not in (1, 2) or 0 in array.shape[1:]:
        raise ValueError(
            f"windows of a series of shape {array.shape}: expected (length,) or (length, features), in the "
            "order of time"
        )
    seen = whole_number("windows past", past, 1)
    ahead, apart = (
        whole_number("windows horizon", horizon, 0),
        whole_number("windows step", step, 1),
    )
    whole = seen + ahead
    if len(array) < whole:
        raise ValueError(
            f"windows of past={seen} and horizon={ahead} need {whole} elements, and the series has "
            f"{len(array)}: expected a longer series or shorter windows"
        )
    every = np.lib.stride_tricks.sliding_window_view(array, whole, axis=0)[::apart]
    if array.ndim == 2:
        every = every.transpose(
            0, 2, 1
        )  # (windows, elements, features), each window's rows as they lie
    return every[:, :seen], every[:, seen:]
