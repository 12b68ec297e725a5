"""The base class of layers: parameters and states, and a `forward` that is traced.

A layer creates its parameters at the first call of `forward`, when the size of the input is known.
Later calls reuse them, which is how weights are shared.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np

from gdcore.graph.dims import Batch, Dim, Shape
from gdcore.graph.ir import INT, Value, between
from gdcore.graph.ops.masks import mask_of, together, with_mask
from gdcore.layers.variables import ROLES, Parameter, State, Variable
from gdcore.signatures import Constructed, check_shadows

__all__ = ["Layer", "Parameter", "State", "Variable", "fixed_shape"]


CARRIED = "carried_"  # with which the names of states begin that go on from batch to batch


class Layer(metaclass=Constructed):
    """Base class of layers: write `__init__` for the settings and `forward` for the computation.

    Attributes
    ----------
    trainable : bool
        Set it to False to freeze the layer and all layers in it.
    name : str or None
    masks : {"refuse", "keep", "use"}
        What a class does with the mask of an input, which says which steps of a sequence count
        (`gd.ops.mask_of`): it refuses one; its results keep it, as each step's comes of that step alone;
        or `forward` reads it, or leaves that to layers within.

    Examples
    --------
    >>> import gdcore as gd
    >>> class Scale(gd.Layer):
    ...     def forward(self, x):
    ...         return x * self.param("scale", x.shape[-1:], "ones")
    >>> gd.Sequential([gd.Input(3), Scale()]).predict([[1.0, 2.0, 3.0]])
    array([[1., 2., 3.]], dtype=float32)
    """

    name: str | None = None
    masks: str = "refuse"
    snapshots: weakref.WeakSet[Any]  # of `trainable`: see `gdcore.engine.freezing`
    _trainable: bool = True
    _variables: dict[str, Variable]
    _output_shapes: Sequence[Shape]

    def __new__(cls, *args: Any, **named: Any) -> Self:
        self = super().__new__(cls)  # here, so that a subclass's __init__ need not call this one
        self._variables, self._output_shapes = {}, ()
        self.snapshots = weakref.WeakSet()
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "snapshots"}

    def _constructed(self) -> None:
        check_shadows(self)

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer, in models compiled from now on; if not, its l1 and l2 are left out."""
        return self._trainable

    @trainable.setter
    def trainable(self, on: bool) -> None:
        self._trainable = bool(on)
        for layer in self._parts():
            layer.trainable = on

    @property
    def variables(self) -> dict[str, Variable]:
        """The layer's own parameters and states by name, in the order in which they were made."""
        return self._variables

    def _parts(self) -> Iterator[Layer]:
        """The direct sublayers, whose `trainable` is set along with this layer's."""
        return (layer for _, layer in self.sublayers())

    def forward(self, *inputs: Value) -> Any:
        """The computation, in traced values; written by a subclass.

        Parameters
        ----------
        *inputs : Value

        Returns
        -------
        Value, or a tuple, list or dict of them

        Raises
        ------
        TypeError
            If the subclass has none.
        """
        raise TypeError(
            f"{type(self).__name__} has no forward(self, x): "
            "write one, it is what the layer computes"
        )

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        given: list[Value] = []
        for x in (*inputs, *named.values()):
            parts = x if isinstance(x, list | tuple) else [x]
            if not all(isinstance(p, Value) for p in parts):
                got = next(type(p).__name__ for p in parts if not isinstance(p, Value))
                raise TypeError(
                    f"{type(self).__name__} was called with {got}: a layer takes traced values. "
                    "To compute with data, put it into a model and call predict"
                )
            given.extend(parts)
        mask = self._mask(given)
        result = self.forward(*inputs, **named)
        check_shadows(self)
        if mask is not None and self.masks == "keep":
            self._check_features(given, result)
            result = with_mask(result, mask)
        self._note(result, given)
        call, known = (self, inputs, named), set(map(id, given))
        for i, v in enumerate(values_of(result)):
            if isinstance(v, Value) and id(v) not in known:
                v.call = call, i
        return result

    def _mask(self, given: Sequence[Value]) -> Value | None:
        """What counts in all inputs of a layer that keeps masks; raises ValueError if it is not made for masks."""
        masks = [m for v in given if (m := mask_of(v)) is not None]
        if masks and self.masks not in ("keep", "use"):
            raise ValueError(
                f"{type(self).__name__} got a sequence with a mask and would lose it: put the layer before "
                "what makes the mask, drop the mask with gd.ops.drop_mask(x), or let the layer's class say "
                'masks = "keep" (each step by itself) or "use" (forward reads gd.ops.mask_of(x))'
            )
        return together(masks) if self.masks == "keep" else None

    def _check_features(self, given: Sequence[Value], result: Any) -> None:
        """Raises ValueError if this layer mixes the steps of a mask because they stand where features should."""
        for x in given:
            mask = mask_of(x)
            whole = mask is not None and mask.ndim == x.ndim and x.dtype != INT
            if whole and mask_of(result) is None:  # else it works element by element
                raise ValueError(
                    f"{type(self).__name__} got a sequence with a mask and without features, of shape {x.shape}, "
                    "and would mix its steps: give it a dimension for features with x[..., None], or drop the "
                    "mask with gd.ops.drop_mask(x)"
                )

    def _note(self, result: Any, given: Sequence[Value]) -> None:
        """Mark this layer as the owner of its outputs and of the values they were computed from, for `summary`."""
        values = values_of(result)
        if all(isinstance(v, Value) for v in values):
            self._output_shapes = [v.shape for v in values]
            for v in values:
                if v.layer is None:  # otherwise a sublayer owns it already
                    v.layer = self
            for v in between(given, values):
                if v.within is None:
                    v.within = self

    def sublayers(self) -> Iterator[tuple[str, Layer]]:
        """The layers directly in this one: attributes that are layers, or lists or dicts of them.

        Yields
        ------
        (str, Layer)
            The name under which it is found, and the layer.

        Examples
        --------
        >>> import gdcore as gd
        >>> class Block(gd.Layer):
        ...     def __init__(self):
        ...         self.inner = [gd.Dense(4), gd.Dense(2)]
        >>> [name for name, _ in Block().sublayers()]
        ['inner.0', 'inner.1']
        """
        for key, item in self.__dict__.items():
            if key.startswith("_"):
                continue
            if isinstance(item, Layer):
                yield key, item
            elif isinstance(item, list | tuple):
                yield from ((f"{key}.{i}", x) for i, x in enumerate(item) if isinstance(x, Layer))
            elif isinstance(item, dict):
                yield from ((f"{key}.{k}", x) for k, x in item.items() if isinstance(x, Layer))

    def walk(self, path: str = "") -> Iterator[tuple[str, Layer]]:
        """Every layer within this one, itself included.

        Parameters
        ----------
        path : str
            Prefix of the paths.

        Yields
        ------
        (str, Layer)
            Its path, with which the names of its parameters begin, and the layer.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Dense(4, name="head"), gd.Dense(2)])
        >>> [path for path, _ in model.walk()]
        ['', 'head', '1']
        """
        yield path, self
        for key, layer in self.sublayers():
            yield from layer.walk(f"{path}.{layer.name or key}" if path else layer.name or key)

    def param(
        self,
        name: str,
        shape: Sequence[Dim],
        initializer: Any = "glorot_uniform",
        role: str = "kernel",
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> Value:
        """A parameter of this layer; made at the first call, the same one after that.

        Parameters
        ----------
        name : str
        shape : sequence of int
        initializer : Initializer, name, number or callable(shape, stream)
        role : {"kernel", "bias", "norm", "embedding"}
        l1, l2 : float
            Factors of Σ|w| and Σw², which are added to the loss.

        Returns
        -------
        Value
            The traced value that represents it.

        Raises
        ------
        ValueError
            If the shape depends on the batch, or differs from that of the first call.
        """
        for key, factor in (("l1", l1), ("l2", l2)):
            if not isinstance(factor, int | float) or not 0 <= factor < float("inf"):
                raise ValueError(
                    f"{key}={factor!r} of parameter {name!r}: expected a number of at least 0"
                )
        if role not in ROLES:
            raise ValueError(
                f"role {role!r} of parameter {name!r}: expected one of {', '.join(ROLES)}"
            )
        made = self._make(
            name, shape, lambda s: Parameter(self, name, s, initializer, role, float(l1), float(l2))
        )
        return made.leaf

    def state(self, name: str, shape: Sequence[Dim], initial: float = 0.0) -> Value:
        """A state of this layer, to be changed by `gd.ops.with_update`; made at the first call.

        Parameters
        ----------
        name : str
        shape : sequence of int
        initial : float
            Initial value of every element.

        Returns
        -------
        Value
            The traced value that represents it.

        Raises
        ------
        ValueError
            If the shape depends on the batch, or differs from that of the first call.

        Examples
        --------
        A layer that subtracts a running mean of its inputs in training:

        >>> import gdcore as gd
        >>> class Centre(gd.Layer):
        ...     def forward(self, x):
        ...         mean = self.state("mean", x.shape[-1:])
        ...         return gd.ops.with_update(x - mean, mean, mean * 0.9 + gd.ops.mean(x, 0) * 0.1)
        >>> gd.Sequential([gd.Input(2), Centre()]).predict([[1.0, 2.0]])
        array([[1., 2.]], dtype=float32)
        """
        return self._make(name, shape, lambda s: State(self, name, s, initial)).leaf

    def reset_states(self) -> None:
        """Set the states to 0 that `stateful` layers, this one and those within, carry from batch to batch.

        Examples
        --------
        >>> import gdcore as gd
        >>> model = gd.Sequential([gd.Input((3, 1)), gd.LSTM(4, stateful=2)])
        >>> x = [[[1.0]] * 3] * 2
        >>> first, second = model.predict(x), model.predict(x)
        >>> model.reset_states()
        >>> bool((first == second).all()), bool((first == model.predict(x)).all())
        (False, True)
        """
        waiting: list[Layer] = [self]
        known: set[int] = set()
        while waiting:
            layer = waiting.pop()
            if id(layer) not in known:
                known.add(id(layer))
                waiting.extend(layer._parts())
                for name, variable in layer.variables.items():
                    numbers = variable.numbers
                    if name.split(".")[-1].startswith(CARRIED) and numbers is not None:
                        variable.data = np.zeros_like(numbers)

    def _make(
        self, name: str, shape: Sequence[Dim], make: Callable[[tuple[int, ...]], Variable]
    ) -> Variable:
        fixed = fixed_shape(shape, f"{name!r} of {type(self).__name__}")
        if name not in self.variables:
            self.variables[name] = make(fixed)
        if self.variables[name].shape != fixed:
            raise ValueError(
                f"{type(self).__name__} was built for an input that gives {name!r} the shape "
                f"{self.variables[name].shape}, and now gets one that needs {fixed}: "
                "use a layer for each"
            )
        return self.variables[name]


def values_of(result: Any) -> list[Any]:
    """What a call of a layer gave, in a list."""
    if isinstance(result, dict):
        return list(result.values())
    return list(result) if isinstance(result, list | tuple) else [result]


def fixed_shape(shape: Shape | Sequence[Dim], what: str) -> tuple[int, ...]:
    """A shape that must not depend on the batch."""
    if any(isinstance(d, Batch) for d in shape):
        raise ValueError(
            f"{what} would have the shape {tuple(shape)}, which depends on the batch: "
            "expected an input with a fixed size there, (batch, features)"
        )
    return tuple(int(d) for d in shape)  # type: ignore[arg-type]
