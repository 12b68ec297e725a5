"""Sequences that a network goes on with: `generate`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gdcore.engine.engine import engine_of
from gdcore.engine.network import Network
from gdcore.graph.dims import Batch
from gdcore.graph.ir import INT
from gdcore.graph.passes.one_step import one_step
from gdcore.graph.passes.phases import specialize
from gdcore.losses.readings import behind_softmax
from gdcore.model import Model
from gdcore.random import Stream
from gdcore.setting_checks import whole_number
from gdcore.text.base import READER

Ids = np.ndarray


def generate(
    model: Model,
    prompt: Any,
    n: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    cache: bool = True,
) -> Any:
    """Go on with sequences of ids, one after another, as a model of the next id draws them.

    The model gets the last ids, at most as many as its input has steps (the context).

    Parameters
    ----------
    model : Model
        Of ids, (B, steps), to logits or probabilities of the id that comes next at each step, (B, steps,
        ids), where no step sees later ones.
    prompt : array of int, (length,) or (samples, length), or str
        At least one id, at most as many as the context has steps. A string for a model whose input is one of text,
        ``gd.Input(gd.text.Characters(...))``.
    n : int
        How many ids are drawn.
    temperature : float
        By which logits are divided: below 1 the likely ids become likelier; at 0 the likeliest is taken.
    top_k : int, optional
        Draw from so many of the likeliest ids alone.
    seed : int
        The same seed draws the same ids.
    cache : bool
        Whether keys and values of earlier steps, and carries of loops, are kept, so that each id costs one
        step. Once the context is full its positions move with every id, and all of it is computed anew.

    Returns
    -------
    ndarray of int32, or str
        The prompt and what follows it, (length + n,) or (samples, length + n); as text if the prompt is text.

    Raises
    ------
    ValueError
        If the prompt is empty or longer than the context, an id or a setting is out of range, the model is none of
        sequences of ids, or, with a cache, its steps need one another in another way than by causal attention or loops.
    TypeError
        If the prompt holds something else than whole numbers, or is text that the model does not take.

    Examples
    --------
    >>> import gdcore as gd
    >>> ids = gd.Input(8, dtype="int")
    >>> x = gd.PositionalEncoding("learned")(gd.Embedding(5, 12)(ids))
    >>> x = gd.TransformerDecoder(2, 24)(x)
    >>> model = gd.Model(ids, gd.Dense(5)(x))
    >>> gd.generate(model, [0, 3, 1], 10, top_k=3, seed=1).shape
    (13,)
    """
    network = engine_of(model).network()
    context, choices = _sizes(network)
    if isinstance(prompt, str):
        reader = _reader(network)
        ids = reader.encode(prompt)
        if not 1 <= len(ids) <= context:
            raise ValueError(
                f"generate prompt of {len(ids)} parts of text ({type(reader).__name__}), and the model's context has "
                f"{context}: expected 1 to {context}"
            )
        return reader.decode(generate(model, ids, n, temperature, top_k, seed, cache))
    ids = np.asarray(prompt)
    if ids.dtype.kind not in "iu" and ids.size:
        raise TypeError(
            f"generate prompt of {ids.dtype}: expected whole numbers, the ids, or one string"
        )
    if ids.ndim not in (1, 2) or not ids.shape[-1]:
        raise ValueError(
            f"generate prompt of shape {ids.shape}: expected (length,) or (samples, length) and at "
            "least one id"
        )
    if ids.shape[-1] > context:
        raise ValueError(
            f"generate prompt of {ids.shape[-1]} ids, and the model's context has {context}: give it "
            f"the last {context}, prompt[..., -{context}:]"
        )
    count = whole_number("generate n", n, 0)
    most = choices if top_k is None else whole_number("generate top_k", top_k, 1)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float):
        raise TypeError(f"generate temperature={temperature!r}: expected a number of at least 0")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"generate temperature={temperature!r}: expected a number of at least 0")
    rows = ids.reshape(-1, ids.shape[-1]).astype(np.int32)
    ways = _Whole(model, network)
    steps = _Cached(model, network, len(rows)) if cache and count else None
    random = Stream(seed, "generate")
    for _ in range(count):
        whole = steps is None or rows.shape[1] > context
        logits = ways.logits(rows[:, -context:]) if whole else steps.logits(rows)  # type: ignore[union-attr]
        drawn = _drawn(logits, float(temperature), min(most, choices), random)
        rows = np.concatenate([rows, drawn[:, None]], axis=1)
    return rows.reshape(*ids.shape[:-1], -1)


def _reader(network: Network) -> Any:
    """What turns text into ids and back."""
    reader = network.inputs[0].attrs.get(READER)
    if not hasattr(reader, "encode"):
        raise TypeError(
            "generate prompt is text, and the model's input does not take any: expected ids, or a model that begins "
            "with gd.Input(gd.text.Characters(...))"
        )
    return reader


def _sizes(network: Network) -> tuple[int, int]:
    """Steps of the input, and how many ids there are."""
    shapes = [v.shape for v in (*network.inputs, *network.outputs)]
    if len(shapes) == 2 and network.inputs[0].dtype == INT and len(shapes[0]) == 2:
        steps = shapes[0][1]
        if len(shapes[1]) == 3 and shapes[1][:2] == (Batch(1), steps):
            ids = shapes[1][2]
            if isinstance(steps, int) and isinstance(ids, int):
                return steps, ids
    raise ValueError(
        f"generate by a model of inputs and outputs {shapes}: expected ids (B, steps), declared by "
        "gd.Input(steps, dtype='int'), and a number for each id at each step, (B, steps, ids)"
    )


class _Whole:
    """Logits of the next id, from the whole context."""

    def __init__(self, model: Model, network: Network) -> None:
        self.context = _sizes(network)[0]
        output = network.outputs[0]
        self.probabilities = behind_softmax(output) is not None
        self.model = model

    def logits(self, ids: Ids) -> np.ndarray:
        length = ids.shape[1]
        padded = np.zeros((len(ids), self.context), np.int32)
        padded[:, :length] = ids
        return self.read(self.model.predict_on_batch(padded)[:, length - 1])

    def read(self, y: np.ndarray) -> np.ndarray:
        """The model's numbers as logits."""
        y = y.astype(np.float64)
        with np.errstate(divide="ignore"):
            return np.log(y) if self.probabilities else y


class _Cached(_Whole):
    """The same, from one step and the keys and values of those before it."""

    def __init__(self, model: Model, network: Network, samples: int) -> None:
        super().__init__(model, network)
        outputs, _ = specialize(network.outputs, training=False)
        try:
            step = one_step(outputs, network.inputs[0])
        except ValueError as error:
            raise ValueError(
                f"generate with a cache: {error}; or generate with cache=False"
            ) from None
        self.step = Model(step.inputs, tuple(step.outputs))
        dtype = engine_of(model).parameters().dtype
        self.caches = [
            np.zeros((samples, *(int(d) for d in v.shape[1:] if isinstance(d, int))), dtype)
            for v in step.inputs[2:]
        ]
        self.done = 0

    def logits(self, ids: Ids) -> np.ndarray:
        while self.done < ids.shape[1]:
            at = np.full(len(ids), self.done, np.int32)
            now = np.ascontiguousarray(ids[:, self.done : self.done + 1])
            found = self.step.predict_on_batch([now, at, *self.caches])
            y, *rows = found if isinstance(found, list | tuple) else [found]
            for cache, row in zip(self.caches, rows, strict=True):
                if cache.shape == row.shape:  # a carry, or a context of one step
                    cache[...] = row
                else:
                    cache[:, self.done] = row[:, 0]
            self.done += 1
        return self.read(y[:, 0])


def _drawn(logits: np.ndarray, temperature: float, most: int, random: Stream) -> Ids:
    """An id for each row."""
    if temperature == 0:
        return np.asarray(logits.argmax(1), np.int32)
    scaled = (logits - logits.max(1, keepdims=True)) / temperature
    if most < scaled.shape[1]:
        last = np.sort(scaled, axis=1)[:, -most]
        scaled = np.where(scaled < last[:, None], -np.inf, scaled)
    total = np.cumsum(np.exp(scaled), axis=1)
    at = random.uniform(len(total)) * total[:, -1]
    return np.asarray((total <= at[:, None]).sum(1), np.int32)
