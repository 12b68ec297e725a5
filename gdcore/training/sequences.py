"""Sequences in buckets: their batches as data of one shape each, and passes over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gdcore.data.arrays import check_finite
from gdcore.data.dataset import Buckets, Data
from gdcore.data.shuffle import epoch_order
from gdcore.data.steps import Sequences, Steps
from gdcore.engine.carried import batch_of
from gdcore.engine.engine import Engine
from gdcore.engine.network import Network, check_indices, check_input
from gdcore.engine.steps import Step
from gdcore.graph.ir import topological
from gdcore.graph.ops.masks import mask_of
from gdcore.losses.readings import tell_assumptions
from gdcore.runtime import check_stop
from gdcore.training.sweep import Tally
from gdcore.training.targets import as_targets, sample_weights

GROUP = 32  # the orders of buckets are drawn at epoch + (number of the bucket + 1) << GROUP


def inputs_of(engine: Engine, x: Sequences, samples: np.ndarray, steps: int) -> list[np.ndarray]:
    """The arrays for the model's inputs: padded sequences, and their lengths or a mask."""
    names, leaves = engine.input_names, engine.definition.inputs
    padded = x.padded(samples, steps)
    if len(names) == 1:
        return [padded]
    if len(names) > 2:
        raise ValueError(
            f"gd.data.sequences for a model of the inputs {', '.join(names)}: expected one, the sequences, or two, "
            "with their lengths or a mask"
        )
    lengths = x.lengths[samples]
    wide = leaves is not None and leaves[1].ndim == 2
    if wide or (leaves is None and "mask" in names[1]):
        return [padded, (np.arange(steps) < lengths[:, None]).astype(np.float32)]
    return [padded, lengths]


def networks(engine: Engine, x: Sequences) -> list[tuple[int, np.ndarray, Network]]:
    """(steps, samples, network) of each bucket; the model is traced at the longest one if it has not been.

    Raises
    ------
    ValueError
        If the model cannot take the sequences.
    """
    groups = x.groups()
    longest = groups[-1][0]
    if not engine.traced:
        leaves = engine.definition.inputs
        if leaves is None:
            engine.network(inputs_of(engine, x, groups[-1][1], longest))
    if engine.network().carried:
        raise ValueError(
            "gd.data.sequences for layers with stateful: expected arrays, as batches of buckets do not go on with one "
            "another"
        )
    own = engine.network().inputs[0].shape
    declared = own[1] if len(own) > 1 and engine.definition.inputs is not None else None
    if isinstance(declared, int) and longest > declared:
        raise ValueError(
            f"gd.data.sequences in buckets of up to {longest} steps, and the model's input {own} has {declared}: cut "
            "the sequences, or declare a longer input"
        )
    found = [(steps, samples, engine.at_steps(steps)) for steps, samples in groups]
    ragged = any((x.lengths[samples] < steps).any() for steps, samples in groups)
    network = found[0][2]
    if ragged and len(network.inputs) == 1:
        ops = {v.op.name for v in topological(network.traced)}
        if not ops & {"masked", "not_equal"}:
            raise ValueError(
                "the model has one input and no mask, and would take padding for steps: give it a second input, the "
                "lengths, gd.Input((), dtype='int'), or a gd.Masking or gd.Embedding(..., mask_zero=True)"
            )
    return found


def bucketed(
    engine: Engine, x: Sequences, y: Any, sample_weight: Any, class_weight: Any, what: str
) -> Buckets:
    """Validated data in buckets, as `prepare` gives it of arrays.

    Raises
    ------
    ValueError, TypeError
        If the data does not fit the model.
    """
    if class_weight is not None:
        raise ValueError("fit class_weight of gd.data.sequences: expected sample_weight instead")
    groups: list[Data] = []
    numbers: list[np.ndarray] = []
    for steps, samples, network in networks(engine, x):
        inputs = inputs_of(engine, x, samples, steps)
        for a, leaf in zip(inputs, network.inputs, strict=True):
            check_finite(a, what or "X")
            check_input(a, leaf, leaf in network.index_limits)
        check_indices(inputs, network)
        if (
            isinstance(y, Steps)
            and mask_of(network.traced[0]) is None
            and np.ptp(x.lengths[samples])
        ):
            raise ValueError(
                "targets for each step, and an output without a mask, so that padding would count: give the model the "
                "lengths of its sequences"
            )
        mine = y.padded(samples, steps) if isinstance(y, Steps) else _some(y, samples)
        targets, spec = as_targets(mine, inputs[0], network, engine.settings.losses)
        tell_assumptions(engine.settings.losses, network.outputs, network.told)
        weights = sample_weights(
            None if sample_weight is None else _some(sample_weight, samples), inputs[0]
        )
        groups.append(Data(list(inputs), targets, weights, spec, steps=steps))
        numbers.append(samples)
    return Buckets(groups, numbers)


def _some(y: Any, samples: np.ndarray) -> Any:
    """The targets of some samples: of an array, or of each of several outputs."""
    if isinstance(y, dict):
        return {k: _some(part, samples) for k, part in y.items()}
    if isinstance(y, tuple):
        return tuple(_some(part, samples) for part in y)
    array = np.asarray(y)
    return array[samples]


class Rounds:
    """The batches of an epoch over data in buckets, a function of seed and epoch.

    Attributes
    ----------
    batches : list of (group, number of the batch within it)
    orders : for each group the order of its samples, or None for that of the data
    """

    def __init__(self, data: Data, batch: int, shuffle: bool, seed: int, epoch: int) -> None:
        counts = [-(-part.rows // batch) for part in data.groups]
        self.batches = [(g, i) for g, count in enumerate(counts) for i in range(count)]
        self.orders: list[np.ndarray | None] = [
            epoch_order(shuffle, part.rows, part.width, seed, epoch + ((g + 1) << GROUP))
            for g, part in enumerate(data.groups)
        ]
        if shuffle:
            mixed = epoch_order(True, len(self.batches), 1, seed, epoch)
            assert mixed is not None
            self.batches = [self.batches[i] for i in mixed]

    def samples(self, data: Data, batch: int, number: int) -> tuple[Data, np.ndarray]:
        """The part and the numbers within it of the samples of a batch."""
        g, i = self.batches[number]
        part, order = data.groups[g], self.orders[g]
        numbers = np.arange(part.rows) if order is None else order
        return part, numbers[i * batch : (i + 1) * batch]


def sweep_batches(
    step_of: Callable[[Data], Step],
    data: Data,
    batch: int,
    tally: Tally,
    rounds: Rounds,
    *,
    seed: int,
    clock: Callable[[], int],
    after: Callable[[int, int, float, list[np.ndarray]], bool],
    first: int = 0,
    exchange: Callable[[], None] | None = None,
) -> tuple[int, bool]:
    """One pass of training over data in buckets, batch by batch; the arguments are those of `sweep`.

    Returns
    -------
    (steps completed, whether all of them were finite)
    """
    for number in range(first, len(rounds.batches)):
        g, i = rounds.batches[number]
        part, order = data.groups[g], rounds.orders[g]
        step = step_of(part)
        size = min(part.rows, (i + 1) * batch) - i * batch
        kept = [np.empty((size, n), step.session.real) for n in step.session.tap_rows]
        now, losses = clock(), np.empty(1)
        hyper = step.numbers.rows(now, 1) if step.numbers else None
        done, _ = step.session.run(
            part.feeds(),
            part.rows,
            min(batch, part.rows),
            first=i,
            steps=1,
            order=order,
            seed=seed,
            counter=now,
            hyper=hyper,
            losses=losses,
            outputs=kept,
            exchange=exchange,
        )
        check_stop()
        if not done:  # the step is not finite, and was not taken
            return number, False
        tally.loss += float(losses[0]) * size
        tally.rows += size
        numbers = np.arange(i * batch, i * batch + size)
        _show(step, part, tally, kept, numbers if order is None else order[numbers])
        if after(number + 1, tally.rows, float(losses[0]), []):
            return number + 1, True
    return len(rounds.batches), True


def _show(
    step: Step, part: Data, tally: Tally, kept: Sequence[np.ndarray], which: np.ndarray
) -> None:
    """Update the metrics with the first output of a batch."""
    if not kept or not tally.metrics:
        return
    values, *masks = kept[: 1 + step.masked]
    weights = None if part.weights is None else part.weights[which]
    for mask in masks:  # a weight for each step
        weights = (mask if weights is None else mask * weights[:, None]).reshape(-1)
    for m in tally.metrics:
        m.update(
            part.targets[0][which], values.reshape(len(values), *step.output_shapes[0]), weights
        )


def predicted(engine: Engine, x: Sequences, batch: int) -> Any:
    """The outputs of sequences in the order in which they were given: see `Model.predict`.

    An output of each step is a list of arrays, one for each sequence, of its length.
    """
    made: list[Any] = []
    names: list[str] | None = None
    groups = networks(engine, x)
    by_step = _by_step(engine.network(), [(steps, network) for steps, _, network in groups])
    for steps, samples, network in groups:
        inputs = inputs_of(engine, x, samples, steps)
        for a, leaf in zip(inputs, network.inputs, strict=True):
            check_input(a, leaf, leaf in network.index_limits)
        check_indices(inputs, network)
        builder = engine.builder(inputs, steps)
        size = batch_of(engine, "predict", min(batch, len(samples)), len(samples))
        step = engine.step(("predict", size, steps), lambda b=builder, n=size: b.predict(n))  # type: ignore[misc]
        session, names = step.session, network.output_names
        outputs = [np.empty((len(samples), *s), session.real) for s in step.output_shapes]
        session.run([(a, 1.0) for a in inputs], len(samples), size, outputs=outputs)
        for k, out in enumerate(outputs):
            if len(made) <= k:
                whole = np.empty((len(x), *out.shape[1:]), out.dtype)
                made.append([None] * len(x) if by_step[k] else whole)
            if by_step[k]:
                for i, row in zip(samples.tolist(), out, strict=True):
                    made[k][i] = row[: x.lengths[i]].copy()
            else:
                made[k][samples] = out
    if names is not None:
        return dict(zip(names, made, strict=True))
    return made[0] if len(made) == 1 else made


def _by_step(own: Network, groups: Sequence[tuple[int, Network]]) -> list[bool]:
    """Of each output whether its second dimension is that of the steps, in networks of several lengths."""
    networks = [(own.inputs[0].shape[1], own), *groups]
    apart = len({steps for steps, _ in networks}) > 1
    return [
        all(n.outputs[k].ndim > 1 and n.outputs[k].shape[1] == steps for steps, n in networks)
        and (apart or v.ndim > 2 or mask_of(own.traced[k]) is not None)
        for k, v in enumerate(own.outputs)
    ]
