"""Columns of sentences: they are recognised, learned by their words, measured, saved."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.cli import main
from gdcore.io.safetensors import FileFormatError
from gdcore.tabular import TableModel, read
from gdcore.tabular.kinds import infer

GOOD, BAD = ["lovely", "great", "fine"], ["dull", "awful", "poor"]
FILLER = ["the", "film", "was", "we", "saw", "a", "story", "of", "two", "friends", "and", "it"]


def reviews(rows=240, seed=0):
    """Sentences with a word that tells, and columns beside them that do not."""
    draw = np.random.default_rng(seed)
    good = draw.random(rows) < 0.5
    texts = []
    for g in good:
        words = [str(w) for w in draw.choice(FILLER, 8)]
        words[draw.integers(8)] = str(draw.choice(GOOD if g else BAD))
        texts.append(" ".join(words) + f" {draw.integers(1000)}.")
    return {
        "review": texts,
        "pages": draw.normal(size=rows).round(3).tolist(),
        "place": [str(p) for p in draw.choice(["hall", "home"], rows)],
        "label": ["good" if g else "bad" for g in good],
    }


def as_csv(path, columns):
    lines = [",".join(columns)]
    lines += [",".join(f'"{v}"' for v in row) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_sentences_are_told_from_names_and_codes():
    rows = 100
    draw = np.random.default_rng(0)
    table = read({
        "review": reviews(rows)["review"],
        "name": [f"{draw.integers(9999)} Smith, Mr. John {i}" for i in range(rows)],
        "code": [" ".join(f"x{n}" for n in draw.integers(0, 9**9, 6)) for _ in range(rows)],
        "place": ["a place with a name of several words", "b"] * (rows // 2),
        "y": range(rows),
    })  # fmt: skip
    kinds = {name: infer(table, name).kind for name in ("review", "name", "code", "place")}
    assert kinds == {"review": "text", "name": "ignore", "code": "ignore", "place": "category"}


@pytest.mark.parametrize("network", ["mlp", "realmlp", "tabm", "folds"])
def test_a_column_of_sentences_is_learned_by_its_words(network, tmp_path):
    settings = {"folds": 2} if network == "folds" else {"model": network, "members": 3}
    settings |= {"epochs": 40} if network == "realmlp" else {"lr": 0.02}
    model = gd.tabular.fit(reviews(), "label", hidden=[16], verbose=0, **settings)
    report = model.report
    assert report.scores["held out"]["accuracy"] > 0.8
    assert report.importance[0].column == "review" and report.importance[0].drop > 0.2
    assert "review  text      2" in report.columns
    new = {
        "review": ["a lovely story", "it was awful", None],
        "pages": [0.0] * 3,
        "place": ["hall"] * 3,
    }
    assert model.predict(new).tolist()[:2] == ["good", "bad"]
    path = tmp_path / "m.safetensors"
    model.save(path)
    loaded = gd.load(path)
    assert np.array_equal(loaded.predict_proba(new), model.predict_proba(new))
    again = loaded.refit(reviews(seed=1), verbose=0)
    assert again.evaluate(reviews(seed=2))["accuracy"] > 0.8


def test_text_alone_and_as_told():
    columns = reviews(60)  # so few that they would be categories
    told = {"review": "text", "pages": "ignore", "place": "ignore"}
    model = TableModel([8], kinds=told, epochs=40, lr=0.01).fit(columns, "label", verbose=0)
    assert [c.kind for c in model.encoder.columns] == ["text"]
    assert model.evaluate(columns)["accuracy"] > 0.9
    rare = {"review": [f"a{i}" for i in range(120)], "label": ["a", "b"] * 60}
    for given, wanted in [
        (columns | {"review": [None] * 60}, "no column to learn from .*review: no values"),
        (rare, "'review' has no words that occur 2 times, expected sentences: leave it out"),
    ]:
        with pytest.raises(ValueError, match=wanted):
            TableModel(kinds={"review": "text"} | (told if "pages" in given else {})).fit(
                given, "label"
            )


def test_a_network_without_its_words_is_refused(tmp_path):
    model = TableModel([4], epochs=1).fit(reviews(), "label", verbose=0)
    (leaf,) = [v for v in model.network._engine.network().inputs if "reader" in v.attrs]
    leaf.attrs = {k: v for k, v in leaf.attrs.items() if k != "reader"}
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(FileFormatError, match="inputs of text is 0, expected 1 of n-grams"):
        gd.load(tmp_path / "m.safetensors")


def test_the_command_line_learns_from_sentences(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    as_csv(tmp_path / "reviews.csv", reviews())
    as_csv(tmp_path / "new.csv", {"review": ["what a great film"], "pages": [1], "place": ["home"]})
    train = [
        "train",
        "reviews.csv",
        "--target",
        "label",
        "--out",
        "m.safetensors",
        "--hidden",
        "16",
    ]
    assert main([*train, "--lr", "0.01"]) == 0
    out = capsys.readouterr().out
    assert "words and pairs of neighbouring words, by tf-idf" in out and "ignored" not in out
    assert main(["predict", "m.safetensors", "new.csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "good"
