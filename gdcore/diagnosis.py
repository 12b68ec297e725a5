"""Where the first number that is not finite came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gdcore.fitting import Data

if TYPE_CHECKING:
    from gdcore.model import Model


def first_bad_tensor(model: Model, data: Data) -> str:
    """Run a step again with every tensor kept, and name the first that is not finite.

    Parameters
    ----------
    model : Model, as it was before the step
    data : the step's samples
    """
    for array, name in zip(data.inputs, model.input_names, strict=True):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"input {name}"
    for name, array in model.state_dict().items():
        if not np.isfinite(array).all():
            return f"weight {name}"
    return model.keep_everything(data)
