"""A transformer that learns to write, character by character: nanoGPT's setting for a CPU. An LSTM beside it.

    $ python examples/char_transformer.py TEXT

TEXT is a file in UTF-8, such as the plays of Shakespeare in 1.1 million characters ("tiny Shakespeare"). The
last tenth of it is held out. Four blocks of causal attention, 128 wide, see the last 64 characters; 2,000 steps
of 12 pieces of the text, drawn at random. Two layers of an LSTM, 128 wide, get the same. It prints the mean loss of
all pieces of the held-out text, for three seeds, and 200 characters that the last transformer draws.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import gdcore as gd


def read(path, context=64):
    """The ids of a text, and the characters that they stand for."""
    text = gd.text.read(path)
    characters = gd.text.Characters(context).fit([text])
    return characters.encode(text), characters


def pieces(ids, starts, context):
    """Pieces of a text, and the same one character later."""
    at = np.asarray(starts)[:, None] + np.arange(context)
    return ids[at], ids[at + 1]


def transformer(characters, blocks=4, heads=4, width=128):
    """From the last characters, logits of the next one after each, by blocks of causal attention."""
    small = gd.initializers.Normal(0.02)
    ids = gd.Input(characters)
    table = gd.Embedding(len(characters), width, small)
    x = gd.PositionalEncoding("learned", initializer=small)(table(ids))
    for _ in range(blocks):
        x = gd.TransformerDecoder(
            heads, 4 * width, "gelu", norm_first=True, use_bias=False, kernel_initializer=small
        )(x)
    x = gd.LayerNorm(epsilon=1e-5, center=False)(x)
    return gd.Model(ids, gd.TiedDense(table)(x))


def lstm(characters, layers=2, width=128):
    """The same by an LSTM."""
    ids = gd.Input(characters)
    table = gd.Embedding(len(characters), width, gd.initializers.Normal(0.1))
    x = table(ids)
    for _ in range(layers):
        x = gd.LSTM(width, return_sequences=True)(x)
    return gd.Model(ids, gd.TiedDense(table)(x))


def train(model, ids, context=64, batch=12, steps=2000, rate=1e-3, seed=0):
    """The mean loss of a model on the held-out tenth, after it was trained on the rest."""
    learned, held_out = np.split(ids, [len(ids) * 9 // 10])
    warmup = steps // 20
    rates = gd.schedules.Warmup(gd.schedules.Cosine(rate, steps - warmup, rate / 10), warmup)
    optimizer = gd.AdamW(
        rates, betas=(0.9, 0.99), weight_decay=0.1, no_decay="biases_and_norms", clip_norm=1.0
    )
    model.compile(optimizer, "crossentropy")
    starts = np.random.default_rng(seed).integers(0, len(learned) - context, batch * steps)
    x, y = pieces(learned, starts, context)
    model.fit(x, y, epochs=1, batch_size=batch, shuffle=False, seed=seed, verbose=0)
    ends = range(0, len(held_out) - context, context)
    return model.evaluate(*pieces(held_out, ends, context))["loss"]


def write(model, n=200, seed=0):
    """Characters that the model draws, after a line break."""
    return gd.generate(model, "\n", n, temperature=0.8, top_k=40, seed=seed)[1:]


def main(path):
    """Print the losses and seconds of both networks, and what the transformer writes."""
    ids, characters = read(path)
    for name, network, rate in (("lstm", lstm, 4e-3), ("transformer", transformer, 1e-3)):
        losses = []
        for seed in range(3):
            begun = time.perf_counter()
            model = network(characters)
            losses.append(train(model, ids, rate=rate, seed=seed))
            seconds = time.perf_counter() - begun
            print(
                f"{name}, seed {seed}: validation loss {losses[-1]:.3f}, {seconds:.0f} s",
                flush=True,
            )
        print(f"{name}: mean validation loss {np.mean(losses):.3f}", flush=True)
    print(write(model))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/char_transformer.py TEXT, a file of text in UTF-8")
    main(sys.argv[1])
