"""Sentiment of film reviews by weighted n-grams: a linear model of 800,000 columns, some hundred numbers a review.

Each n-gram of one to three words has the logarithm of how much more often it occurs in positive reviews than in
negative ones (Wang and Manning 2012, Baselines and bigrams). A review's logit is the sum over its n-grams of that
number times a weight, which is learned from 0. Reviews are sparse rows: only the weights of n-grams that occur are
read and updated.

The reviews are those of Maas et al. 2011 (ai.stanford.edu/~amaas/data/sentiment), unpacked; scikit-learn counts.

    $ python examples/imdb_ngrams.py aclImdb
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import gdcore as gd


def reviews(folder, part):
    """The texts of a part, "train" or "test", and 1 for each positive one."""
    texts, labels = [], []
    for label, name in enumerate(("neg", "pos")):
        for path in sorted(Path(folder, part, name).glob("*.txt")):
            texts.append(path.read_text(encoding="utf-8"))
            labels.append(label)
    if not texts:
        sys.exit(
            f"no reviews in {Path(folder, part)}: expected the folders neg and pos of text files"
        )
    return texts, np.array(labels)


def ngrams(train, test, most=800_000):
    """Which n-grams occur in each text, as sparse rows of 0 and 1: the most frequent ones of the first texts."""
    from sklearn.feature_extraction.text import CountVectorizer

    counting = CountVectorizer(
        ngram_range=(1, 3),
        binary=True,
        max_features=most,
        token_pattern=r"\w+|[^\w\s]",
        dtype=np.float32,
    )
    return counting.fit_transform(train), counting.transform(test)


def log_ratios(x, labels):
    """For each column how much more often it is 1 in positive texts, as a logarithm."""
    positive, negative = (x[labels == k].sum(0).A1 + 1.0 for k in (1, 0))
    return np.log(positive / positive.sum()) - np.log(negative / negative.sum())


def weighted(x, ratios):
    """Sparse rows with the ratio of each column in place of 1."""
    x = x.copy()
    x.data = ratios[x.indices].astype(np.float32)
    return x


def learn(x, labels, epochs=3, seed=0, sparse="lazy"):
    """A model of the weights, trained."""
    model = gd.Sequential([gd.Input(x.shape[1]), gd.Dense(1, kernel_initializer="zeros")])
    model.compile(gd.Adam(1e-3, sparse=sparse), "binary_cross_entropy", metrics=["accuracy"])
    model.fit(x, labels, batch_size=32, epochs=epochs, seed=seed, verbose=0)
    return model


def main(folder):
    """Print the accuracy on the test reviews for three seeds, and the seconds of each part."""
    (texts, labels), (others, truth) = reviews(folder, "train"), reviews(folder, "test")
    begun = time.perf_counter()
    x, test = ngrams(texts, others)
    ratios = log_ratios(x, labels)
    x, test = weighted(x, ratios), weighted(test, ratios)
    print(
        f"{x.shape[1]:,} n-grams, {x.nnz / x.shape[0]:.0f} in a review: {time.perf_counter() - begun:.0f} s"
    )
    for seed in range(3):
        begun = time.perf_counter()
        model = learn(x, labels, seed=seed)
        seconds = time.perf_counter() - begun
        accuracy = model.evaluate(test, truth)["accuracy"]
        print(f"seed {seed}: accuracy {accuracy:.2%}, trained in {seconds:.1f} s")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(
            "usage: python examples/imdb_ngrams.py FOLDER, that of the unpacked reviews (aclImdb)"
        )
    main(sys.argv[1])
