"""The base class of optimizers: settings, scalars for each step, and one traced update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from gdcore import schedules
from gdcore.errors import did_you_mean
from gdcore.graph.ir import Value
from gdcore.optimizers import groups as grouping
from gdcore.signatures import Constructed, Fields, own_name

Numbers = dict[str, np.ndarray]
NO_DECAY = "biases_and_norms"

# Settings by their valid range, for every optimizer that has them.
SHARES = ("momentum", "rho", "betas")
AMOUNTS = (
    "clip_value",
    "clip_norm",
    "epsilon",
    "momentum_decay",
    "initial_accumulator",
)


def _within(value: Any, limit: float) -> bool:
    """Whether a setting is a number of at least 0 and below a limit."""
    return isinstance(value, int | float | np.number) and bool(0 <= value < limit)


@dataclass(repr=False, eq=False)
class Optimizer(Fields, metaclass=Constructed):
    """Base class of optimizers.

    Parameters
    ----------
    lr : float or Schedule
        Learning rate; `learning_rate` is another name of it.
    weight_decay : float or Schedule
        Decoupled decay: each step takes lr · weight_decay · p from each parameter p. A schedule of
        the step, such as ``gd.schedules.FlatCosine(0.02, steps)``, changes it as training goes on.
    no_decay : {None, "biases_and_norms"}
        Which parameters the decay leaves alone, those of groups included.
    clip_value : float, optional
        Gradients are clipped elementwise to ± this.
    clip_norm : float, optional
        Gradients are scaled so that the norm of all of them together is at most this.
    groups : sequence of dict, optional
        Settings for some parameters: ``{"match": "head.*", "lr": 1e-4, "weight_decay": 0.0}``; the
        first pattern that matches a parameter's name applies, and the optimizer's settings where it
        gives none. An lr that is a number follows the optimizer's schedule: where that is at half
        of its `base_rate`, the group has half of its number. An lr that is a schedule of the step
        is used as it is; ``gd.schedules.Constant(1e-4)`` stays constant. ``"lr_scale": 64.0`` in
        its place is a factor of the optimizer's rate, whatever that is.
    sparse : {None, "exact", "lazy"}
        What becomes of the rows of a table (of an embedding, or of a kernel that sparse rows are multiplied by) that
        do not occur in a batch. None: they are updated in each step like all else. "lazy": they are left alone,
        slots and weight decay included. "exact": the numbers are those of None, but a row takes the steps that it has
        skipped when it next occurs or is read. The step's cost is then that of the rows that occur.
    coupled : bool
        Add weight_decay · p to the gradient, behind the clipping, instead: a penalty of weight_decay / 2 · Σ p² that
        goes through momentum and moments, as in `torch.optim.SGD` and `torch.optim.Adam`.

    Raises
    ------
    ValueError
        If a setting is out of range, or a group has other keys. A pattern that fits no parameter is
        refused when the model is trained for the first time.
    TypeError
        If a learning rate is neither a number nor a schedule.
    AttributeError
        When an attribute is set that the optimizer does not have, or one that planned steps have
        compiled in: all but `lr`.

    References
    ----------
    Loshchilov and Hutter 2019, Decoupled weight decay regularization. Pascanu et al. 2013, On the
    difficulty of training recurrent neural networks, for the clipping by norm.

    Examples
    --------
    A subclass needs `update`; here, steps of one length, whatever the gradient:

    >>> from dataclasses import dataclass
    >>> import gdcore as gd
    >>> @dataclass
    ... class SignSGD(gd.Optimizer):
    ...     def update(self, p, g, slots, n):
    ...         return p - n["lr"] * gd.ops.sign(g), {}
    >>> model = gd.Sequential([gd.Input(2), gd.Dense(1, kernel_initializer="zeros")])
    >>> model = model.compile(SignSGD(0.5), "mse")
    >>> _ = model.fit([[1.0, -1.0]], [3.0], epochs=1, verbose=0)
    >>> model.get_weights()[0].tolist()
    [[0.5], [-0.5]]
    """

    lr: float | schedules.Schedule = 0.01
    _: KW_ONLY
    weight_decay: float | schedules.Schedule = 0.0
    no_decay: str | None = None
    clip_value: float | None = None
    clip_norm: float | None = None
    groups: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    sparse: str | None = None
    coupled: bool = False

    name: ClassVar[str] = ""
    slots: ClassVar[tuple[str, ...]] = ()
    by_tensor: ClassVar[bool] = (
        False  # whether `update` takes each parameter by itself, in its shape
    )
    squares: ClassVar[bool] = True  # whether `update` squares gradients

    parts: ClassVar[tuple[grouping.Group, ...]] = ()  # `groups`, read and checked
    changes: ClassVar[int] = (
        0  # counts assignments to settings, to invalidate what was computed from them
    )

    __hash__ = None  # type: ignore[assignment]  # of what can change

    # "made" once the constructor is done, "planned" once a step was compiled from the settings.
    _stage: ClassVar[str] = ""

    def __setattr__(self, name: str, value: Any) -> None:
        if self._stage:
            self._check_change(name)
        if name == "lr":
            schedule = schedules.get(value)
            for group in self.parts:
                group.check_scale(schedule)
            self.schedule = schedule
        elif name == "groups":
            parts = grouping.read(value)
            for group in parts:
                group.check_scale(self.schedule)
            object.__setattr__(self, "parts", parts)
        object.__setattr__(self, name, value)
        object.__setattr__(self, "changes", self.changes + 1)

    def _constructed(self) -> None:
        object.__setattr__(self, "_stage", "made")

    def planned(self) -> None:
        """Called when a step was compiled from the settings: only the learning rate may change from now on.

        Examples
        --------
        >>> import gdcore as gd
        >>> optimizer = gd.SGD(0.1)
        >>> optimizer.planned()
        >>> optimizer.lr = 0.2
        >>> try:
        ...     optimizer.momentum = 0.9
        ... except AttributeError as error:
        ...     print(str(error)[:43])
        SGD.momentum is part of steps that are plan
        """
        object.__setattr__(self, "_stage", "planned")

    def _check_change(self, name: str) -> None:
        cls = type(self).__name__
        settings = [f.name for f in fields(self)]
        if name in settings and name != "lr" and self._stage == "planned":
            raise AttributeError(
                f"{cls}.{name} is part of steps that are planned already, and setting it would "
                "change nothing: compile the model with a new optimizer"
            )
        if not (hasattr(type(self), name) or name in vars(self)):
            known = own_name(name, settings)
            hint = (
                f": it is {known!r}" if known else did_you_mean(name, [*settings, "learning_rate"])
            )
            raise AttributeError(
                f"{cls} has no setting {name!r}{hint}; it has {', '.join(settings)}"
            )

    @property
    def learning_rate(self) -> float | schedules.Schedule:
        """Another name of `lr`."""
        return self.lr

    @learning_rate.setter
    def learning_rate(self, value: float | schedules.Schedule) -> None:
        self.lr = value

    def __post_init__(self) -> None:
        if self.no_decay not in (None, NO_DECAY):
            raise ValueError(f"no_decay={self.no_decay!r}: expected None or {NO_DECAY!r}")
        if not grouping.decays(self.weight_decay):
            raise ValueError(
                f"{type(self).__name__} weight_decay={self.weight_decay!r}: expected a number of at "
                "least 0, or a schedule of the step"
            )
        if not isinstance(self.coupled, bool):
            raise ValueError(f"coupled={self.coupled!r}: expected True or False")
        if self.sparse not in (None, "exact", "lazy"):
            raise ValueError(f"sparse={self.sparse!r}: expected None, 'exact' or 'lazy'")
        for f in fields(self):
            value = getattr(self, f.name)
            for number in value if f.name == "betas" else (value,):
                if f.name in SHARES and not _within(number, 1.0):
                    expected = "at least 0 and below 1"
                elif f.name in AMOUNTS and number is not None and not _within(number, np.inf):
                    expected = "a number of at least 0"
                else:
                    continue
                raise ValueError(f"{type(self).__name__} {f.name}={value!r}: expected {expected}")

    @property
    def steady(self) -> bool:
        """Whether learning rates depend on the step alone, so that they can be computed ahead."""
        numbers: list[Any] = []
        for one in self.members:
            numbers += [one.schedule, one.weight_decay]
            numbers += [n for g in one.parts for n in (g.lr, g.weight_decay)]
        return all(s.steady for s in numbers if isinstance(s, schedules.Schedule))

    @property
    def takes_squares(self) -> bool:
        """Whether a gradient whose square overflows is refused."""
        return self.clip_norm is not None or any(one.squares for one in self.members)

    @property
    def members(self) -> tuple[Optimizer, ...]:
        """The optimizers that share the parameters: this one alone, or itself and others."""
        return (self,)

    def member_of(self, name: str, role: str, shape: tuple[int, ...]) -> int:
        """Which of the `members` updates a parameter.

        Parameters
        ----------
        name, role : str
        shape : tuple of int

        Returns
        -------
        int

        Examples
        --------
        >>> import gdcore as gd
        >>> gd.SGD().member_of("0.bias", "bias", (3,)), gd.Muon().member_of("0.bias", "bias", (3,))
        (0, 1)
        """
        return 0

    def slots_of(self, member: int) -> dict[str, str]:
        """The slots of one of the `members`: by the names in its `update`, those among `slots`.

        Parameters
        ----------
        member : int

        Returns
        -------
        dict of str to str

        Examples
        --------
        >>> import gdcore as gd
        >>> gd.Muon(rest=gd.SGD(momentum=0.9)).slots_of(1)
        {'velocity': 'rest.velocity'}
        """
        return {slot: slot for slot in self.slots}

    def numbers(self, t: np.ndarray) -> Numbers:
        """Scalars that `update` needs besides the learning rate, for many steps at once.

        Parameters
        ----------
        t : ndarray
            Step numbers 1, 2, ...

        Returns
        -------
        dict of str to ndarray
            Arrays of t's shape, by name.

        Examples
        --------
        >>> import numpy as np
        >>> import gdcore as gd
        >>> gd.Adam(betas=(0.5, 0.999)).numbers(np.array([1.0]))["m_scale"]
        array([2.])
        """
        return {}

    def initial(self, slot: str) -> float:
        """Initial value of a slot.

        Parameters
        ----------
        slot : str
            One of `slots`.

        Returns
        -------
        float

        Examples
        --------
        >>> import gdcore as gd
        >>> gd.Adagrad(initial_accumulator=0.1).initial("sum")
        0.1
        """
        return 0.0

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        """New parameters and slots from old ones and the gradient; written by a subclass.

        Parameters
        ----------
        p, g : Value
            Parameters and their gradient, vectors of one length.
        slots : dict of str to Value
            State kept between steps, vectors of that length.
        n : mapping of str to Value
            "lr" and the `numbers`, scalars.

        Returns
        -------
        (Value, dict of str to Value)
            The parameters and the slots after the step.

        Raises
        ------
        TypeError
            If the subclass has none.
        """
        raise TypeError(f"{type(self).__name__} has no update(p, g, slots, n)")

    def config(self) -> dict[str, Any]:
        """The name and the settings, for a file.

        Returns
        -------
        dict
            Of numbers, text, lists and dicts; `gdcore.optimizers.from_config` reads it.

        Examples
        --------
        >>> import gdcore as gd
        >>> gd.SGD(0.1, momentum=0.9).config()["momentum"]
        0.9
        """
        out = {"name": self.name, **{f.name: getattr(self, f.name) for f in fields(self)}}
        out |= {k: grouping.described(out[k]) for k in ("lr", "weight_decay")}
        out["groups"] = grouping.to_config(self.parts)
        out |= {k: v.config() for k, v in out.items() if isinstance(v, Optimizer)}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in out.items()}
