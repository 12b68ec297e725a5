"""The scripts in examples/, smaller: each solves what it says it solves."""

import importlib.util
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest

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
    assert set(scripts) == {"char_transformer", "imdb_ngrams", "poisson", "spring"}, (
        "give it a test below"
    )
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
    """It learns a small text, and writes words of it."""
    example_of = example("char_transformer")
    words = ["to be", "or not", "that is", "the question"]
    text = "\n".join(words[i] for i in np.random.default_rng(0).integers(0, 4, 2000))
    (tmp_path / "text").write_text(text, encoding="utf-8")
    ids, characters = example_of.read(tmp_path / "text")
    model, loss = example_of.train(
        ids, len(characters), context=16, blocks=1, heads=2, width=32, batch=16, steps=400
    )
    assert loss < 0.5  # of a text without rule 2.7
    written = example_of.write(model, characters)
    assert len(written) == 200 and sum(word in written for word in words) >= 3


def test_imdb_ngrams(tmp_path):
    """Reviews of words that tell, and of words that do not: lazy and exact updates learn from them alike."""
    pytest.importorskip("sklearn")
    imdb = example("imdb_ngrams")
    rng = np.random.default_rng(0)
    for part, name in product(("train", "test"), ("pos", "neg")):
        folder = tmp_path / part / name
        folder.mkdir(parents=True)
        for i in range(60):
            told = rng.choice(["not bad", "well done"] if name == "pos" else ["so bad", "not done"])
            noise = [f"w{n}" for n in rng.integers(0, 30, 12)]
            (folder / f"{i}_7.txt").write_text(" ".join([*noise[:6], told, *noise[6:]]))
    (texts, labels), (others, truth) = (imdb.reviews(tmp_path, p) for p in ("train", "test"))
    x, test = imdb.ngrams(texts, others, most=5000)
    ratios = imdb.log_ratios(x, labels)
    x, test = imdb.weighted(x, ratios), imdb.weighted(test, ratios)
    for sparse in ("lazy", "exact"):
        assert (
            imdb.learn(x, labels, epochs=10, sparse=sparse).evaluate(test, truth)["accuracy"] > 0.9
        )
