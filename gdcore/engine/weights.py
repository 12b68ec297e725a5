"""Reading, setting and freezing what a model has learned."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.data.arrays import as_array
from gdcore.engine.engine import Compiled
from gdcore.layers.base import Layer, Variable


class Weights(Compiled):
    """The part of a model that deals with its weights."""

    def _variables(self) -> dict[str, Variable]:
        memory = self.memory()
        names = memory.network.names
        return {names[v]: v for v in (*memory.network.parameters, *memory.network.states)}

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all parameters in the order of the layers, then of all states.

        Returns
        -------
        list of ndarray

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> [w.shape for w in model.get_weights()]
        [(3, 2), (2,)]
        """
        variables = self._variables()
        memory = self.memory()
        with memory.gate:
            return [memory.view(v).copy() for v in variables.values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set what `get_weights` gives.

        Parameters
        ----------
        weights : sequence of array
            In the order of `get_weights`.

        Raises
        ------
        ValueError
            If the number or a shape differs; nothing is changed then.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> model.set_weights([[[1, 0], [0, 1], [0, 0]], [10, 20]])
        >>> model.predict([[1.0, 2.0, 3.0]])
        array([[11., 22.]], dtype=float32)
        """
        variables = self._variables()
        if len(weights) != len(variables):
            raise ValueError(
                f"set_weights got {len(weights)} arrays: expected {len(variables)} "
                f"({', '.join(variables)})"
            )
        self.load_state_dict(dict(zip(variables, weights, strict=True)))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and states by name.

        Returns
        -------
        dict of str to ndarray

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> list(model.state_dict())
        ['0.kernel', '0.bias']
        """
        variables = self._variables()
        memory = self.memory()
        with memory.gate:
            return {name: memory.view(v).copy() for name, v in variables.items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Set parameters and states by name.

        Parameters
        ----------
        state : mapping of name to array
        strict : bool
            Whether names must be the same on both sides.

        Raises
        ------
        ValueError
            If names or shapes do not fit; nothing is changed then.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> model.load_state_dict({"0.bias": [1.0, 2.0]}, strict=False)
        >>> model.state_dict()["0.bias"]
        array([1., 2.], dtype=float32)
        """
        variables = self._variables()
        missing, extra = (
            [n for n in variables if n not in state],
            [n for n in state if n not in variables],
        )
        if strict and (missing or extra):
            raise ValueError(
                "load_state_dict: "
                + "; ".join(
                    f"{what} {', '.join(map(repr, names[:5]))}{' …' if len(names) > 5 else ''}"
                    for what, names in (("missing", missing), ("unknown", extra))
                    if names
                )
                + "; pass strict=False to load what fits"
            )
        new = {}
        for name, v in variables.items():
            if name in state:
                array = as_array(state[name], repr(name))
                if array.shape != v.shape:
                    raise ValueError(
                        f"load_state_dict: {name!r} has the shape {array.shape}, expected {v.shape}"
                    )
                new[v] = array
        memory = self.memory()
        with memory.gate:
            for v, array in new.items():
                memory.view(v)[...] = array

    def freeze(self, pattern: str = "*", frozen: bool = True) -> None:
        """Keep parameters whose names fit a pattern from being trained, or set them free again.

        The l1 and l2 of what is frozen are not in the loss, as in Keras.

        Parameters
        ----------
        pattern : str
            As of a shell: ``"0.*"``, ``"*.bias"``.
        frozen : bool

        Raises
        ------
        ValueError
            If no parameter's name fits.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input(3), gd.Dense(2)])
        >>> model.freeze("*.kernel")
        >>> _ = model.compile("sgd", "mse")
        >>> list(model.gradients([[1.0, 2.0, 3.0]], [[0.0, 0.0]]))
        ['0.bias']
        """
        memory = self.memory()
        fits = [
            p
            for p in memory.network.parameters
            if fnmatch.fnmatchcase(memory.network.names[p], pattern)
        ]
        if not fits:
            raise ValueError(
                f"no parameter's name fits {pattern!r}: they are "
                f"{', '.join(memory.network.names.values())}"
            )
        for p in fits:
            p.frozen = frozen
        Layer.freezes += 1
