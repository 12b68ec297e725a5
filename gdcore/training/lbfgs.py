"""L-BFGS: full-batch training that learns the curvature from the last few gradients.

The minimiser is SciPy's L-BFGS-B (limited memory, a line search that meets the strong Wolfe
conditions), which scikit-learn's perceptrons use too: the same initial weights give the same iterations.
gdcore computes the loss and the gradient, as one float64 vector, by running a plan over blocks of `STRETCH`
rows, so that memory does not grow with the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gdcore.data.dataset import Buckets, Data
from gdcore.engine.engine import Engine, engine_of
from gdcore.errors import NonFiniteError, missing
from gdcore.graph.ir import topological
from gdcore.graph.ops.draws import RANDOM
from gdcore.training.evaluate import bad_tensor, training_step
from gdcore.training.prepare import prepare
from gdcore.training.sweep import Tally, sweep

STRETCH = 2048  # rows of one run of the plan: larger blocks are no faster
STILL = 1e7 * float(np.finfo(np.float64).eps)  # SciPy's default of ftol
ABNORMAL = 2  # SciPy's status where no step along the gradient lowered the loss
CALLED = "the callback ended it"
FLAT = "the gradient is as small as tol says"
STANDS = "an iteration lowered the loss by no more than the share ftol"
LOST = "what is left to gain is lost in the rounding of the loss"
STUCK = (
    "no step along the gradient lowered the loss: it has a kink there, or is rounded too coarsely "
    "(dtype='float64' rounds less)"
)


@dataclass
class LBFGSResult:
    """What `lbfgs` did.

    Attributes
    ----------
    loss : float
        At the end, with what the layers add to it.
    iterations, evaluations : int
        Line searches, and computations of loss and gradient.
    converged : bool
        Whether the gradient is as small as `tol` says, the loss stands still, or what is left to
        gain is lost in rounding.
    message : str
        Why it ended.
    losses : list of float
        After every iteration.
    """

    loss: float
    iterations: int
    evaluations: int
    converged: bool
    message: str
    losses: list[float] = field(default_factory=list)


def lbfgs(
    model: Any,
    x: Any,
    y: Any,
    *,
    max_iter: int = 200,
    max_fun: int = 15000,
    tol: float = 1e-4,
    ftol: float = STILL,
    relative: bool = True,
    memory: int = 10,
    sample_weight: Any = None,
    class_weight: Any = None,
    callback: Callable[[int, float], Any] | None = None,
) -> LBFGSResult:
    """Train a compiled model on all of the data at once by L-BFGS.

    The model's loss counts, its optimizer does not. Best for small data and models, and where the
    minimum itself is wanted; for the rest, `Model.fit` is faster.

    Parameters
    ----------
    model : Model
        Compiled. Of layers that draw random numbers or keep running statistics (dropout, noise,
        batch norm) there may be none.
    x, y, sample_weight, class_weight
        As for `Model.fit`.
    max_iter, max_fun : int
        Iterations, and computations of loss and gradient, at most.
    tol : float
        Training ends where the largest element of the gradient is at most tol · √|loss|: a step
        along the gradient gains a share of about tol² of the loss there.
    ftol : float
        The loss stands still where an iteration lowers it by at most this share of it.
    relative : bool
        False takes SciPy's rules, which are scikit-learn's: `tol` is the largest element itself, and
        a loss below 1 counts as 1 for `ftol`, so that neither fits targets that are small numbers.
    memory : int
        Pairs of steps and gradients that are remembered.
    callback : function of (iteration, loss), optional
        Called after every iteration; True ends training.

    Returns
    -------
    LBFGSResult

    Raises
    ------
    ValueError
        If the model is not deterministic, or the data does not fit.
    NonFiniteError
        If the loss is not finite to begin with.
    ImportError
        If SciPy is not installed.

    Notes
    -----
    The vector is float64 whatever the model's dtype; compile with ``dtype="float64"`` to come close
    to a minimum. On Ctrl-C the model keeps the best weights so far.

    References
    ----------
    Byrd, Lu, Nocedal and Zhu 1995, A limited memory algorithm for bound constrained optimization.

    Examples
    --------
    >>> import gdcore as gd
    >>> model = gd.Sequential([gd.Input(1), gd.Dense(1)]).compile("sgd", "mse", dtype="float64")
    >>> result = gd.lbfgs(model, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], tol=1e-9)
    >>> result.converged, [round(float(w.item()), 4) for w in model.get_weights()]
    (True, [2.0, 1.0])
    """
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise missing("gd.lbfgs needs SciPy", "sklearn", error) from None
    engine = engine_of(model)
    data = prepare(engine, x, y, sample_weight, class_weight, held_out=0.0)
    if isinstance(data, Buckets):
        raise ValueError(
            "gd.lbfgs of gd.data.sequences: expected arrays, as all samples are one batch"
        )
    _deterministic(engine, data)
    losses: list[float] = []
    reason = ""

    def flat(loss: float, gradient: np.ndarray) -> bool:
        return bool(np.abs(gradient).max(initial=0.0) <= tol * abs(loss) ** 0.5)

    def after(intermediate_result: Any) -> None:
        nonlocal reason
        before, loss = losses[-1] if losses else first, float(intermediate_result.fun)
        losses.append(loss)
        if callback is not None and callback(len(losses), loss):
            reason = CALLED
        elif relative and flat(*task(intermediate_result.x)):
            reason = FLAT
        elif relative and before - loss <= ftol * max(abs(before), abs(loss)):
            reason = STANDS
        if reason:
            raise StopIteration

    with engine.training():
        task = _Task(engine, data)
        engine.columns = data.columns
        start = task.read()
        first, gradient = task(start)
        if relative and flat(first, gradient):
            return LBFGSResult(first, 0, 1, True, FLAT)
        try:
            found = minimize(
                task,
                start,
                method="L-BFGS-B",
                jac=True,
                callback=after,
                options={
                    "maxiter": max_iter,
                    "maxfun": max_fun,
                    "gtol": 0.0 if relative else tol,  # `after` has the rules that are relative
                    "ftol": 0.0 if relative else ftol,
                    "maxcor": memory,
                },
            )
            if found.status == ABNORMAL:
                reason = LOST if task.lost_in_rounding() else STUCK
        finally:
            task.write(task.best)
    converged = reason in (FLAT, STANDS, LOST) or found.status == 0
    message = reason or str(found.message)
    return LBFGSResult(task.lowest, len(losses), int(found.nfev), converged, message, losses)


def _deterministic(engine: Engine, data: Data) -> None:
    """Raises ValueError if the same weights do not always give the same loss."""
    network = engine.network()
    weighted = data.weights is not None
    _, loss, outputs = engine.builder().traced(data.spec, weighted, training=True)
    drawn = any(v.op is RANDOM for v in topological([loss, *outputs]))
    if drawn or network.states:
        what = (
            "random numbers"
            if drawn
            else f"the running statistics {network.names[network.states[0]]!r}"
        )
        raise ValueError(
            f"lbfgs got a model with {what}: expected the same loss from the same weights; leave "
            "out dropout, noise, batch norm and draws of a loss, or use model.fit"
        )


class _Task:
    """Loss and gradient of a model's trainable parameters as one float64 vector."""

    def __init__(self, engine: Engine, data: Data) -> None:
        self.engine, self.data = engine, data
        self.memory = engine.parameters(data.inputs)
        self.lowest = np.inf
        self.best = self.read()
        self.last: tuple[np.ndarray, float, np.ndarray] | None = None
        self.parts: Sequence[slice] = [
            slice(at, min(at + STRETCH, data.rows)) for at in range(0, data.rows, STRETCH)
        ]
        batch = min(STRETCH, data.rows)
        self.step = training_step(engine, data, batch, keep_outputs=False, update=False)

    def read(self) -> np.ndarray:
        """The trainable parameters as one float64 vector."""
        parts = [self.memory.within(p).ravel() for p in self.memory.trainable()]
        return np.concatenate(parts).astype(np.float64)

    def write(self, vector: np.ndarray) -> None:
        """Set the trainable parameters."""
        at = 0
        for p in self.memory.trainable():
            self.memory.store.put(p, vector[at : at + p.size].reshape(p.shape))
            at += p.size

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        if self.last is None or not np.array_equal(self.last[0], vector):
            self.last = (vector.copy(), *self.computed(vector))
        return self.last[1], self.last[2].copy()

    def computed(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient at a vector; the vector of the lowest loss so far is kept in `best`."""
        self.write(vector)
        loss, gradient = 0.0, np.zeros(len(vector))
        for part in self.parts:
            rows = part.stop - part.start
            tally = Tally(())
            done, _ = sweep(self.step, self.data.take(part), rows, tally, seed=self.engine.seed)
            if not done or not np.isfinite(tally.mean):
                if not np.isfinite(self.lowest):
                    rows = np.arange(part.start, part.stop)
                    bad = bad_tensor(self.engine, self.data, rows)
                    raise NonFiniteError(0, 0, bad)
                # The line search went too far: reject this point.
                return np.inf, np.zeros(len(vector))
            share = rows / self.data.rows
            loss += share * tally.mean
            at = 0
            for p in self.memory.trainable():
                gradient[at : at + p.size] += share * self.memory.gradient(p).ravel()
                at += p.size
        if loss < self.lowest:
            self.lowest, self.best = loss, vector.copy()
        return loss, gradient

    def lost_in_rounding(self) -> bool:
        """Whether the largest possible decrease along the gradient is below the rounding error of the loss.

        With slope g and curvature c along the negative gradient, the minimum of the parabola lies g²/(2c)
        lower. c is estimated by a finite difference over a distance of √eps times the weights. The rounding
        error is the largest change of the loss when each weight is changed by a factor of 1 ± eps. At a kink
        the finite difference gives a small c, hence a decrease far above the rounding error.
        """
        at, loss = self.best, self.lowest
        _, gradient = self(at)
        eps = float(np.finfo(self.memory.dtype).eps)
        signs = np.random.default_rng(0).choice([-eps, eps], (4, len(at)))
        noise = max(abs(self(at * (1.0 + s))[0] - loss) for s in signs)
        slope = float(gradient @ gradient)
        if not slope:
            return True
        length = eps**0.5 * float(np.abs(at).max() / np.abs(gradient).max())
        _, ahead = self(at - length * gradient)
        curvature = float(gradient @ (gradient - ahead)) / length
        return bool(curvature > 0 and slope**2 / (2.0 * curvature) <= noise)
