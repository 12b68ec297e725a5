"""The scripts in examples/, smaller: each solves what it says it solves."""

import importlib.util
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import gdcore as gd

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="the examples are not beside the tests"
)


def example(name):
    """The module of a script, which does nothing when it is imported."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_script_is_tried_and_shows_its_result():
    scripts = {p.stem: p.read_text(encoding="utf-8") for p in EXAMPLES.glob("*.py")}
    assert set(scripts) == {
        "char_transformer",
        "imdb_ngrams",
        "imdb_sequences",
        "poisson",
        "spring",
    }, "give it a test below"
    for name, text in scripts.items():
        assert re.search(rf"\$ python examples/{name}\.py( \w+)?\n", text.split('"""')[1])


def test_poisson():
    poisson = example("poisson")
    assert poisson.largest_error(poisson.solve(width=8, epochs=1500)) < 1e-3


def test_spring():
    """The force is that of the energy, and forces teach the energy."""
    errors = example("spring").errors
    both, alone = (errors(width=16, epochs=600, force_weight=w) for w in (0.1, 0.0))
    assert both["force"] < 0.6 and both["energy"] < 0.1
    assert both["energy"] < alone["energy"] and both["force"] < alone["force"] / 2


def test_char_transformer(tmp_path):
    """It learns a small text, and writes words of it; so does the LSTM."""
    example_of = example("char_transformer")
    words = ["to be", "or not", "that is", "the question"]
    text = "\n".join(words[i] for i in np.random.default_rng(0).integers(0, 4, 2000))
    (tmp_path / "text").write_text(text, encoding="utf-8")
    ids, characters = example_of.read(tmp_path / "text", context=16)
    for model, rate in [
        (example_of.transformer(characters, blocks=1, heads=2, width=32), 1e-3),
        (example_of.lstm(characters, layers=1, width=32), 2e-2),
    ]:
        loss = example_of.train(model, ids, context=16, batch=16, steps=400, rate=rate)
        assert loss < 0.6  # of a text without rule 2.7
        written = example_of.write(model)
        assert len(written) == 200 and sum(word in written for word in words) >= 2


@pytest.fixture
def reviews(tmp_path):
    """Reviews of words that tell, and of words that do not."""
    rng = np.random.default_rng(0)
    for part, name in product(("train", "test"), ("pos", "neg")):
        folder = tmp_path / part / name
        folder.mkdir(parents=True)
        for i in range(60):
            told = rng.choice(["not bad", "well done"] if name == "pos" else ["so bad", "not done"])
            noise = [f"w{n}" for n in rng.integers(0, 30, 12)]
            (folder / f"{i}_7.txt").write_text(" ".join([*noise[:6], told, *noise[6:]]))
    return tmp_path


def test_imdb_ngrams(reviews, capsys):
    """Lazy and exact updates learn from them alike, and a model that is asked for sentences knows."""
    imdb = example("imdb_ngrams")
    texts, labels = imdb.reviews(reviews, "train")
    ngrams = gd.text.NGrams(2, 5000, weights="log_ratio").fit(texts, labels)
    exact = imdb.learn(ngrams, texts, labels, epochs=10, sparse="exact")
    lazy = imdb.main(reviews, most=5000)
    assert capsys.readouterr().out.count("accuracy") == 3
    for model in (lazy, exact):
        assert model.evaluate(*imdb.reviews(reviews, "test"))["accuracy"] > 0.9
        p = model.predict_proba(["it is not bad", "it is so bad"])
        assert p[0] > 0.5 > p[1]


def test_imdb_sequences(reviews, capsys, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    imdb = example("imdb_sequences")
    texts, labels = imdb.reviews(reviews, "train")
    words = gd.text.Words(14, keep="last").fit(texts)
    for reads in (imdb.lstm, imdb.attention):
        part = texts, labels
        model = imdb.learn(words, reads, part, part, width=16, batch=8, epochs=15, patience=14)
        assert model.evaluate(*imdb.reviews(reviews, "test"))["accuracy"] > 0.8
