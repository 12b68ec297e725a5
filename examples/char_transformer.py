"""A transformer that learns to write, character by character: nanoGPT's setting for a CPU.

    $ python examples/char_transformer.py TEXT

TEXT is a file in UTF-8, such as the plays of Shakespeare in 1.1 million characters ("tiny Shakespeare"). The
last tenth of it is held out. Four blocks of causal attention, 128 wide, see the last 64 characters; 2,000 steps
of 12 pieces of the text, drawn at random. It prints the mean loss of all pieces of the held-out text, and
200 characters that it draws.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import gdcore as gd


def read(path):
    """The text as ids, and its characters."""
    text = Path(path).read_text(encoding="utf-8")
    characters = sorted(set(text))
    ids = {c: i for i, c in enumerate(characters)}
    return np.array([ids[c] for c in text], np.int32), characters


def pieces(ids, starts, context):
    """Pieces of a text, and the same one character later."""
    at = np.asarray(starts)[:, None] + np.arange(context)
    return ids[at], ids[at + 1]


def network(characters, context, blocks, heads, width):
    """From the last characters, logits of the next one after each."""
    small = gd.initializers.Normal(0.02)
    ids = gd.Input(context, dtype="int")
    table = gd.Embedding(characters, width, small)
    x = gd.PositionalEncoding("learned", initializer=small)(table(ids))
    for _ in range(blocks):
        x = gd.TransformerDecoder(
            heads, 4 * width, "gelu", norm_first=True, use_bias=False, kernel_initializer=small
        )(x)
    x = gd.LayerNorm(epsilon=1e-5, center=False)(x)
    return gd.Model(ids, gd.TiedDense(table)(x))


def train(ids, characters, context=64, blocks=4, heads=4, width=128, batch=12, steps=2000, seed=0):
    """A trained model, and its mean loss on the held-out tenth."""
    learned, held_out = np.split(ids, [len(ids) * 9 // 10])
    model = network(characters, context, blocks, heads, width)
    warmup = steps // 20
    rate = gd.schedules.Warmup(gd.schedules.Cosine(1e-3, steps - warmup, 1e-4), warmup)
    optimizer = gd.AdamW(
        rate, betas=(0.9, 0.99), weight_decay=0.1, no_decay="biases_and_norms", clip_norm=1.0
    )
    model.compile(optimizer, "crossentropy")
    starts = np.random.default_rng(seed).integers(0, len(learned) - context, batch * steps)
    x, y = pieces(learned, starts, context)
    model.fit(x, y, epochs=1, batch_size=batch, shuffle=False, seed=seed, verbose=0)
    ends = range(0, len(held_out) - context, context)
    return model, model.evaluate(*pieces(held_out, ends, context))["loss"]


def write(model, characters, n=200, seed=0):
    """Characters that the model draws, after a line break."""
    first = characters.index("\n") if "\n" in characters else 0
    drawn = gd.generate(model, [first], n, temperature=0.8, top_k=40, seed=seed)
    return "".join(characters[i] for i in drawn[1:])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/char_transformer.py TEXT, a file of text in UTF-8")
    ids, characters = read(sys.argv[1])
    model, loss = train(ids, len(characters))
    print(f"validation loss {loss:.3f}")
    print(write(model, characters))
