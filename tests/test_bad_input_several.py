"""Bad input of models with several inputs and outputs is refused in one line."""

import numpy as np
import pytest
from refusals import (
    ROWS,
    X,
    Y,
    one_line,
    spoiled,
    two_inputs,
    two_outputs,
)

# --- several inputs and outputs ----------------------------------------------------

SEVERAL = {
    "one array": (
        two_inputs,
        X,
        Y,
        "X is one array and the model has 2 inputs \\(a, b\\): give a tuple, or a dict by name",
    ),
    "three arrays": (two_inputs, (X, X, X), Y, "X has 3 arrays and the model 2 inputs"),
    "wrong names": (
        two_inputs,
        {"a": X[:, :2], "c": X[:, 2:]},
        Y,
        r"X has the inputs \['a', 'c'\]: expected \['a', 'b'\]",
    ),
    "other lengths": (two_inputs, (X[:, :2], X[:30, 2:]), Y, "40 rows and X\\['b'\\] has 30"),
    "other widths": (
        two_inputs,
        (X[:, :3], X[:, 2:]),
        Y,
        r"'a' has the shape \(40, 3\): expected \(n, 2\)",
    ),
    "NaN in one": (
        two_inputs,
        (X[:, :2], spoiled(X[:, 2:], np.nan)),
        Y,
        r"X\['b'\] holds nan at row 7, column 2",
    ),
    "one y": (two_outputs, X, Y, "the network has 2 outputs: give y as a tuple of 2 arrays"),
    "wrong y names": (
        two_outputs,
        X,
        {"kind": Y, "weight": Y},
        r"y has the outputs \['kind', 'weight'\]: expected \['kind', 'size'\]",
    ),
    "bad y": (
        two_outputs,
        X,
        (Y, np.zeros((ROWS, 2))),
        r"y\[1\] has the shape \(40, 2\) and the network puts out \(n, 1\)",
    ),
    "short y": (two_outputs, X, (Y, Y[:7]), r"40 rows and y\[1\] has 7 rows"),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several(name):
    make, x, y, words = SEVERAL[name]
    model = make()
    with pytest.raises(ValueError, match=words) as caught:
        model.fit(x, y)
    one_line(caught.value)
    good = (X[:, :2], X[:, 2:]) if make is two_inputs else X
    model.fit(good, Y if make is two_inputs else {"kind": Y, "size": X[:, 0]}, seed=0)


def test_losses_and_outputs_do_not_match():
    model = two_outputs().compile("adam", "mse")
    with pytest.raises(
        ValueError, match="2 outputs and the model was compiled with 1 losses: give one for each"
    ):
        model.fit(X, (Y, Y))
