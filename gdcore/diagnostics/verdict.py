"""Snapshots in plain words: is the gradient vanishing, exploding, are units dead, or is all well?

Each threshold stands here with its reason. None of them is sharp: a network just below one of them
is not much better off than one just above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gdcore.diagnostics.statistics import LayerStatistics, Snapshot
from gdcore.printed import shown
from gdcore.show.summary import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["THRESHOLDS", "Finding", "Report"]

THRESHOLDS = {
    "vanishing": Snapshot.vanishing,
    "exploding": Snapshot.exploding,
    # Loss of a batch after one step on it, over the loss before: a small enough step against the
    # gradient lowers it.
    "loss_jump": 2.0,
    # Loss over the lowest so far: where fastai's range test (after Smith 2017) calls it diverged.
    "loss_rise": 4.0,
    # Share of a layer's units; the default of the rule DeadRelu of Amazon SageMaker Debugger. Notes
    # of Stanford's CS231n tell of networks with 40 % dead after too high a learning rate.
    "dead": 0.5,
    # Samples below which a unit may be silent by chance.
    "dead_rows": 32,
    # Update to weight: about 0.001 is usual (CS231n, "Ratio of weights:updates").
    "large_update": 0.1,
    "small_update": 1e-6,
}
KINDS = ("exploding", "dead units", "vanishing")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    kind : {"exploding", "dead units", "vanishing"}
    where : str
        The layer, or "" for the whole network.
    text : str
        One sentence with the numbers.
    advice : str

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> deep = [gd.Dense(32, activation="sigmoid") for _ in range(10)]
    >>> model = gd.Sequential([*deep, gd.Dense(10)]).compile("adam", "cross_entropy")
    >>> found = gd.diagnostics.diagnose(model, x[:256], y[:256], seed=0).findings[0]
    >>> found.kind, found.where
    ('vanishing', '0')
    >>> print(found.advice)
    relu or gelu in the place of sigmoid and tanh, he_normal, a norm layer, or x + f(x)
    """

    kind: str
    where: str
    text: str
    advice: str


class Report:
    """What some snapshots say about a network.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        At least one.

    Attributes
    ----------
    findings : list of Finding
        The gravest first.
    verdict : {"healthy", "exploding", "dead units", "vanishing"}
        The gravest.

    Raises
    ------
    ValueError
        If there is no snapshot.

    Examples
    --------
    >>> import gdcore as gd
    >>> (x, y), _ = gd.datasets.digits()
    >>> deep = [gd.Dense(32, activation="sigmoid") for _ in range(10)]
    >>> model = gd.Sequential([*deep, gd.Dense(10)]).compile("adam", "cross_entropy")
    >>> report = gd.diagnostics.diagnose(model, x[:256], y[:256], seed=0)
    >>> report.verdict
    'vanishing'
    >>> report.plot().get_xlabel()
    'layer, from input to output'
    """

    def __init__(self, snapshots: Sequence[Snapshot]) -> None:
        if not snapshots:
            raise ValueError("nothing to report on: no snapshot was taken; call fit first")
        self.snapshots = list(snapshots)
        found = [*_exploding(self.snapshots), *_dead(self.snapshots), *_vanishing(self.snapshots)]
        self.findings = sorted(found, key=lambda f: KINDS.index(f.kind))

    @property
    def verdict(self) -> str:
        """The gravest finding in a word or two."""
        return self.findings[0].kind if self.findings else "healthy"

    @property
    def last(self) -> Snapshot:
        """The newest snapshot."""
        return self.snapshots[-1]

    def __str__(self) -> str:
        at = self.last
        head = f"verdict: {self.verdict} (step {at.step:,}, loss {at.loss:.4g}, {at.rows} samples)"
        lines = [f"  {f.kind}: {f.text}\n    → {f.advice}" for f in self.findings]
        if not self.findings:
            lines = [f"  {_well(at)}"]
        return shown("\n".join([head, *lines, "", table(_rows(at), "<<>>>>>>")]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from gdcore.show.html import preformatted, table_html

        words, _, _ = str(self).partition("\n\n")
        return preformatted(words) + table_html(_rows(self.last), "<<>>>>>>")

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """The gradient of each layer; see `gdcore.plots.gradient_flow`.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
        **options
            As for `gdcore.plots.gradient_flow`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from gdcore.plots import gradient_flow

        return gradient_flow(self.snapshots, ax=ax, **options)


def _well(at: Snapshot) -> str:
    flow = _flow(at)
    text = "gradients of all layers are of one order" if len(flow) else "no layers to compare"
    if len(flow):
        text = f"layers get {_range(flow)} of the output's gradient"
    ratios = [p.ratio for p in at.parameters if np.isfinite(p.ratio) and p.role == "kernel"]
    if ratios:
        text += f", a step changes kernels by {_range(ratios)} of their size"
        if max(ratios) > THRESHOLDS["large_update"]:
            text += " (much: about 0.001 is usual)"
        elif max(ratios) < THRESHOLDS["small_update"]:
            text += " (hardly anything: about 0.001 is usual)"
    return text


def _range(numbers: Sequence[float]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} to {high:.2g}"


def _flow(at: Snapshot) -> list[float]:
    """The gradient of each layer below the outputs, in units of the outputs'."""
    unit = at.output_gradient
    return [s.gradient / unit for s in at.layers if not s.output] if unit else []


def _rows(at: Snapshot) -> list[tuple[str, ...]]:
    """The table of a snapshot."""
    head = ("layer", "class", "mean", "std", "inactive", "dead", "gradient", "update/weight")
    rows: list[tuple[str, ...]] = [head]
    for s in at.layers:
        own = [p for p in at.parameters if p.name.rpartition(".")[0] == s.name]
        ratios = [p.ratio for p in own if p.role != "bias" and np.isfinite(p.ratio)]
        shares = ["" if np.isnan(n) else f"{n:.0%}" for n in (s.inactive, s.dead)]
        numbers = (f"{s.mean:.3g}", f"{s.std:.3g}", *shares, f"{s.gradient:.2e}")
        rows.append((s.name, s.kind, *numbers, f"{max(ratios):.1e}" if ratios else ""))
    return rows


def _exploding(taken: Sequence[Snapshot]) -> list[Finding]:
    """Numbers that grow without bound, or will."""
    lower = "lower the learning rate (gd.lr_find looks for one), or clip: Adam(clip_norm=1.0)"
    for at in taken:
        if not at.finite:
            bad = next((s for s in at.layers if not np.isfinite([s.std, s.gradient]).all()), None)
            where = bad.name if bad else ""
            what = f"layer {where}" if bad else "the step"
            text = f"{what} holds NaN or infinity at step {at.step:,}"
            return [Finding("exploding", where, text, lower)]
    first, last = taken[0], taken[-1]
    for at in taken:
        if at.after > THRESHOLDS["loss_jump"] * at.loss and at.after > 0.1 * first.loss:
            text = (
                f"one step takes the loss of its own batch from {at.loss:.3g} to {at.after:.3g} "
                f"at step {at.step:,}; it changes the weights by {at.ratio:.2g} of their size"
            )
            return [Finding("exploding", "", text, lower)]
    lowest = min(at.loss for at in taken)
    if last.loss > first.loss and last.loss > THRESHOLDS["loss_rise"] * lowest:
        text = f"the loss was {lowest:.3g}, and is {last.loss:.3g} at step {last.step:,}"
        return [Finding("exploding", "", text, lower)]
    flow = [(f, s) for f, s in zip(_flow(last), _hidden(last), strict=False)]
    worst = max(flow, key=lambda pair: pair[0], default=None)
    if worst is not None and worst[0] > THRESHOLDS["exploding"]:
        text = f"layer {worst[1].name} gets {worst[0]:.2g} times the gradient of the output"
        advice = "smaller initial weights (he_normal, glorot_uniform), a norm layer, clip_norm"
        return [Finding("exploding", worst[1].name, text, advice)]
    return []


def _hidden(at: Snapshot) -> list[LayerStatistics]:
    return [s for s in at.layers if not s.output]


def _dead_layers(at: Snapshot) -> list[LayerStatistics]:
    if at.rows < THRESHOLDS["dead_rows"]:
        return []
    return [s for s in at.layers if s.dead >= THRESHOLDS["dead"]]


def _dead(taken: Sequence[Snapshot]) -> list[Finding]:
    """Layers most of whose units are flat on every sample."""
    last = taken[-1]
    layers = _dead_layers(last)
    if not layers:
        return []
    worst = max(layers, key=lambda s: s.dead)
    many = f" (and {len(layers) - 1} more such layers)" if len(layers) > 1 else ""
    text = (
        f"{worst.dead:.0%} of the units of layer {worst.name} are flat on every one of "
        f"{last.rows} samples{many}: no gradient passes through them"
    )
    large = max((at.ratio for at in taken if np.isfinite(at.ratio)), default=0.0)
    if large > THRESHOLDS["large_update"]:
        advice = f"lower the learning rate: a step changed the weights by {large:.2g} of their size"
    else:
        advice = "biases that begin at 0, he_normal kernels, standardised inputs, or leaky_relu"
    return [Finding("dead units", worst.name, text, advice)]


def _vanishing(taken: Sequence[Snapshot]) -> list[Finding]:
    """Layers that the gradient hardly reaches, where dead units above do not explain it."""
    last = taken[-1]
    flow = _flow(last)
    if not flow or min(flow) >= THRESHOLDS["vanishing"]:
        return []
    hidden = _hidden(last)
    i = int(np.argmin(flow))
    above = hidden[i:]
    if any(s in above for s in _dead_layers(last)):
        return []
    text = f"layer {hidden[i].name} gets {flow[i]:.2g} of the gradient of the output"
    if flow[i] > 0 and len(above) > 1:
        text += (
            f": each of {len(above)} layers takes a factor of {flow[i] ** (-1 / len(above)):.2g}"
        )
    advice = "relu or gelu in the place of sigmoid and tanh, he_normal, a norm layer, or x + f(x)"
    return [Finding("vanishing", hidden[i].name, text, advice)]
