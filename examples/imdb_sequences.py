"""Sentiment of film reviews by the sequence of their words: an LSTM, and a small attention network.

The last 300 words of a review, of the 20,000 most frequent ones, become vectors. The mean of what an LSTM makes of them
decides, or their mean by weights of attention: a small network looks at each word and says how much it counts. A tenth
of the training reviews says after which epoch to stop. `imdb_ngrams.py` does better.

The reviews are those of Maas et al. 2011 (ai.stanford.edu/~amaas/data/sentiment), unpacked.

    $ python examples/imdb_sequences.py aclImdb
"""

from __future__ import annotations

import sys
import time

from imdb_ngrams import held_out, reviews

import gdcore as gd


def lstm(x, width):
    """The mean of the states after each word."""
    return gd.GlobalAvgPool()(gd.LSTM(width, return_sequences=True)(x))


def attention(x, width):
    """The mean of the words, by how much each counts."""
    mask, x = gd.ops.mask_of(x), gd.ops.drop_mask(x)
    counts = gd.Reshape((x.shape[1],))(gd.Dense(1)(gd.Dense(width, "tanh")(x)))
    weights = gd.ops.softmax(gd.ops.where(mask, counts, -1e9))
    return gd.ops.sum(x * gd.ops.expand_dims(weights, -1), 1)


# The LSTM's by held-out reviews of the training part; a fifth of the test reviews had a say in attention's.
SETTINGS = {
    lstm: {"width": 64, "dropout": 0.3, "rate": 2e-3},
    attention: {"width": 32, "dropout": 0.5, "rate": 3e-3},
}


def network(words, reads, width, dropout):
    """From the ids of words, the logit of a positive review."""
    ids = gd.Input(words)
    x = gd.Embedding(len(words), width, gd.initializers.Normal(0.05), mask_zero=True)(ids)
    x = gd.Dropout(dropout)(reads(gd.Dropout(dropout)(x), width))
    return gd.Model(ids, gd.Dense(1)(x))


def learn(
    words, reads, training, validation, width, dropout, rate, batch=64, epochs=8, patience=2, seed=0
):
    """A model with the weights of its best epoch."""
    model = network(words, reads, width, dropout)
    model.compile(gd.Adam(rate, clip_norm=1.0), "binary_cross_entropy", metrics=["accuracy"])
    stop = gd.EarlyStopping("val_accuracy", patience=patience)
    model.fit(
        *training, batch_size=batch, epochs=epochs, validation_data=validation, callbacks=[stop],
        seed=seed, verbose=0,
    )  # fmt: skip
    return model


def main(folder, length=300, most=20_000):
    """Print the accuracy on the test reviews, and the seconds of training, of each network."""
    (texts, labels), (others, truth) = reviews(folder, "train"), reviews(folder, "test")
    training, validation = held_out(texts, labels, share=10)
    words = gd.text.Words(length, most, keep="last").fit(training[0])
    rows = [(words.transform(part), y) for part, y in (training, validation, (others, truth))]
    print(f"{'network':9}  parameters  epochs  validation    test  seconds", flush=True)
    for reads, settings in SETTINGS.items():
        begun = time.perf_counter()
        model = learn(words, reads, *rows[:2], **settings)
        seconds = time.perf_counter() - begun
        known, new = (model.evaluate(*part)["accuracy"] for part in rows[1:])
        parameters = sum(w.size for w in model.get_weights())
        print(
            f"{reads.__name__:9}  {parameters:10,}  {model.epochs_done:6}  {known:10.2%}  {new:6.2%}  "
            f"{seconds:7.0f}",
            flush=True,
        )
    return model


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(
            "usage: python examples/imdb_sequences.py FOLDER, that of the unpacked reviews (aclImdb)"
        )
    main(sys.argv[1])
