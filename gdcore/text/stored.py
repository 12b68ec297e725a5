"""Vectorizers in a model's file: settings as JSON, what was learned as tensors; neither is trusted when it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gdcore.errors import cut
from gdcore.graph.ir import Value
from gdcore.lazy import LazyTable
from gdcore.text.base import READER, Vectorizer

__all__ = ["describe", "restore"]

KINDS: LazyTable[type[Vectorizer]] = LazyTable(
    {
        "characters": "gdcore.text.ids:Characters",
        "ngrams": "gdcore.text.ngrams:NGrams",
        "tokenizer": "gdcore.text.tokenizer:Tokenizer",
        "words": "gdcore.text.ids:Words",
    }
)


def describe(inputs: Sequence[Value]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The settings of the vectorizers of inputs, by the names of the inputs, and tensors of what they learned."""
    settings: dict[str, Any] = {}
    tensors: dict[str, np.ndarray] = {}
    for leaf in inputs:
        reader = leaf.attrs.get(READER)
        if reader is not None:
            settings[leaf.name] = {"kind": reader.kind, **reader.settings()}
            own = reader.arrays()
            tensors |= {f"text:{leaf.name}:{name}": array for name, array in own.items()}
    return settings, tensors


def restore(config: Any, inputs: Sequence[Value], tensors: Mapping[str, np.ndarray]) -> None:
    """Give inputs the vectorizers that `describe` wrote.

    Raises
    ------
    ValueError
        If a description does not make sense, or is that of another input.
    """
    leaves = {leaf.name: leaf for leaf in inputs}
    if not isinstance(config, Mapping) or not set(config) <= set(leaves):
        raise ValueError(f"'text' is {cut(repr(config))}, expected settings by names of inputs")
    for name, described in config.items():
        kind = described.get("kind") if isinstance(described, Mapping) else None
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValueError(
                f"the text of input {cut(name)!r} is of the kind {cut(repr(kind))}: expected one of "
                f"{', '.join(KINDS)}"
            )
        settings = {k: v for k, v in described.items() if k != "kind"}
        prefix = f"text:{name}:"
        own = {k.removeprefix(prefix): a for k, a in tensors.items() if k.startswith(prefix)}
        try:
            reader = KINDS[kind].restored(settings, own)
            fits = (reader.shape, reader.dtype) == (leaves[name].shape[1:], leaves[name].dtype)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"no tensor {error}" if isinstance(error, KeyError) else error
            raise ValueError(
                f"the text of input {cut(name)!r} does not make sense ({cut(reason, 200)})"
            ) from None
        if not fits:
            raise ValueError(
                f"the text of input {cut(name)!r} makes {reader.dtype} rows of shape {reader.shape}: "
                f"expected {leaves[name].dtype} of {leaves[name].shape[1:]}"
            )
        leaves[name].attrs = {**leaves[name].attrs, READER: reader}
