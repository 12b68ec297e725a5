"""Muon: momentum whose matrices are made orthogonal, beside another optimizer for all that is no matrix."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from gdcore import ops, schedules
from gdcore.graph.ir import Value
from gdcore.optimizers.adam import Adam
from gdcore.optimizers.base import Optimizer
from gdcore.schedules import Schedule

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of x, x³ and x⁵: the steepest at 0 that stays near 1
EPSILON = 1e-7
ADJUST = ("match_rms_adamw", "original", None)


def _orthogonalized(g: Value, steps: int) -> Value:
    """About U Vᵀ of a matrix U S Vᵀ (m, n), by Newton-Schulz steps: its singular values go to 0.7 ... 1.2.

    X ← a X + (b A + c A²) X with A = X Xᵀ, or the same from the right where that is the smaller product.
    """
    a, b, c = COEFFICIENTS
    shape: Any = g.shape
    rows, columns = shape
    x = g / ops.maximum(ops.sqrt(ops.sum(ops.square(g))), EPSILON)
    for _ in range(steps):
        turned = ops.transpose(x)
        gram = turned @ x if rows > columns else x @ turned
        polynomial = b * gram + c * (gram @ gram)
        x = a * x + (x @ polynomial if rows > columns else polynomial @ x)
    return x


@dataclass(repr=False, eq=False)
class Muon(Optimizer):
    """Momentum of kernels, made orthogonal by Newton-Schulz steps; another optimizer for everything else.

    v ← momentum v + g;  p ← p - lr · factor · orthogonal(g + momentum v), a kernel being the matrix of its
    filters, (all that an output sees, outputs). Every direction of a matrix moves by the same length, however
    small its singular value is. Biases, norms, embeddings, vectors, and kernels that `others` names are
    updated by `rest`.

    Parameters
    ----------
    lr : float or Schedule
    momentum : float
    nesterov : bool
        Without it, v itself is made orthogonal.
    steps : int
        Newton-Schulz steps.
    rest : Optimizer, optional
        With rates, decay and groups of its own. None is `Adam` with the learning rate, decay and groups of
        this one, whatever they are set to later.
    others : sequence of str
        Patterns of the names of kernels that `rest` takes too, such as that of the last layer.
    adjust : {"match_rms_adamw", "original", None}
        The factor: 0.2 √max(m, n) for m × n numbers, so that the rate is one that suits Adam; √max(1, n / m)
        for n outputs, as the authors have it; or 1.
    normalize : bool
        Before each step scale the kernel to the length √(outputs).
    weight_decay, no_decay, clip_value, clip_norm, groups, coupled
        By keyword, as for `Optimizer`; `clip_norm` is of all gradients together.
    sparse
        Not for this optimizer.

    Raises
    ------
    ValueError
        If a setting is out of range, `rest` clips by norm or updates rows, or Nesterov is asked for without
        momentum.
    TypeError
        If `rest` is no optimizer, is a `Muon`, or has a schedule that depends on what happens in training.

    Notes
    -----
    An update takes steps · (4 m n + 2 k) k operations, k being the smaller of m and n: that is small beside
    the step itself where batches are large.

    References
    ----------
    Jordan et al. 2024, Muon: an optimizer for hidden layers in neural networks. Liu et al. 2025, Muon is
    scalable for LLM training, for "match_rms_adamw".

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), (xt, yt) = gd.datasets.digits()
    >>> model = gd.Sequential([gd.Dense(32, activation="relu"), gd.Dense(10, name="head")])
    >>> optimizer = gd.Muon(1e-2, rest=gd.SGD(0.1, momentum=0.9), others=["head.*"])
    >>> _ = model.compile(optimizer, "cross_entropy", metrics=["accuracy"])
    >>> _ = model.fit(x, y, epochs=5, batch_size=64, seed=0)
    >>> model.evaluate(xt, yt)["accuracy"] > 0.9
    True
    """

    lr: float | Schedule = 1e-3
    momentum: float = 0.95
    nesterov: bool = True
    _: KW_ONLY
    steps: int = 5
    rest: Optimizer | None = None
    others: Sequence[str] = ()
    adjust: str | None = "match_rms_adamw"
    normalize: bool = False
    name: ClassVar[str] = "muon"
    by_tensor: ClassVar[bool] = True

    _followed: ClassVar[Optimizer | None] = None  # the Adam of `rest=None`

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "lr" and self._followed is not None:
            self._followed.lr = value

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise ValueError(
                "Muon(nesterov=True) needs momentum: give it, for example momentum=0.95"
            )
        if isinstance(self.steps, bool) or not isinstance(self.steps, int) or self.steps < 1:
            raise ValueError(f"Muon steps={self.steps!r}: expected a whole number of at least 1")
        if self.adjust not in ADJUST:
            raise ValueError(
                f"Muon adjust={self.adjust!r}: expected 'match_rms_adamw', 'original' or None"
            )
        if self.sparse is not None:
            raise ValueError("Muon updates whole matrices: leave sparse=None")
        if isinstance(self.others, str) or not all(isinstance(o, str) for o in self.others):
            raise TypeError(
                f"Muon others={self.others!r}: expected a list of patterns such as ['head.*']"
            )
        if self.rest is None:
            same = ("weight_decay", "no_decay", "clip_value", "groups", "coupled")
            adam = Adam(self.lr, **{k: getattr(self, k) for k in same})
            object.__setattr__(self, "_followed", adam)
        else:
            _check_rest(self.rest)

    @property
    def members(self) -> tuple[Optimizer, ...]:
        rest = self.rest if self._followed is None else self._followed
        assert rest is not None
        return (self, rest)

    def member_of(self, name: str, role: str, shape: tuple[int, ...]) -> int:
        matrix = role == "kernel" and len(shape) > 1 and 1 < shape[-1] < math.prod(shape)
        return int(not matrix or any(fnmatch.fnmatchcase(name, other) for other in self.others))

    def slots_of(self, member: int) -> dict[str, str]:
        if member == 0:
            return {"momentum": "momentum"}
        return {slot: f"rest.{slot}" for slot in self.members[1].slots}

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("momentum", *self.slots_of(1).values())

    def initial(self, slot: str) -> float:
        own = slot.removeprefix("rest.")
        return 0.0 if own == slot else self.members[1].initial(own)

    def update(
        self, p: Value, g: Value, slots: dict[str, Value], n: Mapping[str, Value]
    ) -> tuple[Value, dict[str, Value]]:
        shape: Any = p.shape
        outputs = int(shape[-1])
        matrix = (math.prod(shape[:-1]), outputs)
        v = slots["momentum"] * self.momentum + g
        ahead = g + v * self.momentum if self.nesterov else v
        move = ops.reshape(_orthogonalized(ops.reshape(ahead, matrix), self.steps), p.shape)
        factor = {
            "match_rms_adamw": 0.2 * math.sqrt(max(matrix)),
            "original": math.sqrt(max(1.0, outputs / matrix[0])),
            None: 1.0,
        }[self.adjust]
        if self.normalize:
            p = p * (math.sqrt(outputs) / ops.maximum(ops.sqrt(ops.sum(ops.square(p))), EPSILON))
        return p - n["lr"] * factor * move, {"momentum": v}


def _check_rest(rest: Any) -> None:
    if not isinstance(rest, Optimizer) or isinstance(rest, Muon):
        raise TypeError(f"Muon rest={rest!r}: expected another optimizer such as gd.Adam(1e-3)")
    if rest.clip_norm is not None or rest.sparse is not None:
        raise ValueError(
            f"Muon rest with clip_norm={rest.clip_norm!r} and sparse={rest.sparse!r}: expected neither; "
            "clip_norm of Muon is of all gradients together"
        )
    if type(rest.schedule).update is not schedules.Schedule.update:
        raise TypeError(
            f"Muon rest with lr={type(rest.schedule).__name__}(...), which depends on what happens in "
            "training: expected a number or a schedule of the step"
        )
