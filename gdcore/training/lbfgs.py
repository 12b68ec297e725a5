"""L-BFGS: full-batch training that learns the curvature from the last few gradients.

The minimiser is SciPy's L-BFGS-B (limited memory, a line search that meets the strong Wolfe
conditions): it is the one that scikit-learn's perceptrons use, so that the same start takes the same
path, and a quarter of a century of use stands behind it. gdcore gives it loss and gradient as one
vector each, computed by a plan in stretches of rows, so that memory does not grow with the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gdcore.data.dataset import Data
from gdcore.engine.engine import Engine, engine_of
from gdcore.errors import NonFiniteError, missing
from gdcore.graph.draws import RANDOM
from gdcore.graph.ir import topological
from gdcore.graph.phases import specialize
from gdcore.training.evaluate import bad_tensor, training_step
from gdcore.training.prepare import prepare
from gdcore.training.sweep import Tally, sweep

STRETCH = 2048  # rows of one evaluation of the plan: more do not make it faster
STILL = 1e7 * float(np.finfo(np.float64).eps)  # SciPy's own


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
        Whether the largest element of the gradient is at most `tol`, or the loss stands still.
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
        Of the largest element of the gradient.
    ftol : float
        The loss stands still where an iteration lowers it by less than this share of it.
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
    _deterministic(engine)
    losses: list[float] = []

    def after(intermediate_result: Any) -> None:
        losses.append(float(intermediate_result.fun))
        if callback is not None and callback(len(losses), losses[-1]):
            raise StopIteration

    with engine.training():
        task = _Task(engine, data)
        engine.columns = data.columns
        try:
            found = minimize(
                task,
                task.read(),
                method="L-BFGS-B",
                jac=True,
                callback=after,
                options={
                    "maxiter": max_iter,
                    "maxfun": max_fun,
                    "gtol": tol,
                    "ftol": ftol,
                    "maxcor": memory,
                },
            )
        finally:
            task.write(task.best)
    return LBFGSResult(
        task.lowest, int(found.nit), int(found.nfev), found.status == 0, str(found.message), losses
    )


def _deterministic(engine: Engine) -> None:
    """Raises ValueError if the same weights do not always give the same loss."""
    network = engine.network()
    outputs, _ = specialize(network.outputs, training=True)
    drawn = any(v.op is RANDOM for v in topological(outputs))
    if drawn or network.states:
        what = (
            "random numbers"
            if drawn
            else f"the running statistics {network.names[network.states[0]]!r}"
        )
        raise ValueError(
            f"lbfgs got a model with {what}: expected the same loss from the same weights; leave "
            "out dropout, noise and batch norm, or use model.fit"
        )


class _Task:
    """Loss and gradient of a model's trainable parameters as one float64 vector."""

    def __init__(self, engine: Engine, data: Data) -> None:
        self.engine, self.data = engine, data
        self.memory = engine.parameters(data.inputs)
        self.lowest = np.inf
        self.best = self.read()
        self.parts: Sequence[slice] = [
            slice(at, min(at + STRETCH, data.rows)) for at in range(0, data.rows, STRETCH)
        ]
        batch = min(STRETCH, data.rows)
        self.step = training_step(engine, data, batch, keep_outputs=False, update=False)

    def read(self) -> np.ndarray:
        """The parameters now."""
        parts = [self.memory.view(p).ravel() for p in self.memory.trainable()]
        return np.concatenate(parts).astype(np.float64)

    def write(self, vector: np.ndarray) -> None:
        """Set the parameters."""
        at = 0
        for p in self.memory.trainable():
            self.memory.view(p)[...] = vector[at : at + p.size].reshape(p.shape)
            at += p.size

    def __call__(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
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
                return np.inf, np.zeros(len(vector))  # a trial step too far
            share = rows / self.data.rows
            loss += share * tally.mean
            at = 0
            for p in self.memory.trainable():
                gradient[at : at + p.size] += share * self.memory.gradient(p).ravel()
                at += p.size
        if loss < self.lowest:
            self.lowest, self.best = loss, vector.copy()
        return loss, gradient
