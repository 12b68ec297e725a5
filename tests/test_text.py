"""Strings into numbers: what vectorizers make of texts, in models, in files, and of input that is none."""

import copy
import json
import pickle
from collections import Counter

import numpy as np
import pytest

import gdcore as gd
from gdcore.io import safetensors
from gdcore.io.safetensors import FileFormatError

TEXTS = [
    "a fine film",
    "a dull film, dull",
    "Fine, so fine!",
    "dull and long",
    "",
    "naïve café",
] * 4
LABELS = np.array([1, 0, 1, 0, 0, 1] * 4)
NEW = ["what a fine film", "", "dull 电影 фильм"]
MAKE = {
    "characters": lambda: gd.text.Characters(12, keep="last").fit(TEXTS),
    "words": lambda: gd.text.Words(5, most=8).fit(TEXTS),
    "binary": lambda: gd.text.NGrams(3).fit(TEXTS),
    "tfidf": lambda: gd.text.NGrams((2, 3), least=2, weights="tfidf").fit(TEXTS),
    "log_ratio": lambda: gd.text.NGrams(2, weights="log_ratio").fit(TEXTS, LABELS),
    "letters": lambda: gd.text.NGrams(2, most=30, split="characters", weights="count").fit(TEXTS),
}


def model_of(vectorizer):
    x = gd.Input(vectorizer, name="review")
    if vectorizer.dtype == "real":
        y = gd.Dense(1, kernel_initializer="normal")(x)
    else:
        y = gd.Dense(1)(gd.GRU(3)(gd.Embedding(len(vectorizer), 4, mask_zero=True)(x)))
    model = gd.Model(x, y)
    return model.compile(gd.Adam(0.05), "binary_cross_entropy", metrics=["accuracy"])


# --- splitting ---------------------------------------------------------------------


def test_texts_of_any_alphabet_are_split_into_words_and_signs():
    """Vowel signs belong to their word, ideographs stand alone, one spelling of an accent is another."""
    words = gd.text.Words(9).fit(["Привет, мир! हिन्दी में. 我喜欢 don't cafe\u0301"])
    assert set(words.vocabulary) == {
        *("привет", ",", "мир", "!", "हिन्दी", "में", ".", "我", "喜", "欢", "don", "'", "t", "café"),
    }
    assert words.transform(["CAFÉ"])[0, 0] == words.transform(["cafe\u0301"])[0, 0] > 1


# --- rows --------------------------------------------------------------------------


def test_ids_are_those_of_the_most_frequent_words_cut_and_filled_up():
    words = gd.text.Words(3, most=2).fit(["b a b", "c a b"])
    assert words.vocabulary == ["b", "a"] and len(words) == 4
    assert words.transform(["a c", "", "b b a b"]).tolist() == [[3, 1, 0], [0, 0, 0], [2, 2, 3]]
    last = gd.text.Words(3, least=2, keep="last").fit(["b a b", "c a b"])
    assert last.transform(["c b b a"]).tolist() == [[2, 2, 3]]
    assert words.encode("b a b a").tolist() == [2, 3, 2, 3] and words.decode([2, 0, 3]) == "b a"


def counted(text, low, high, split):
    """N-grams of a text as strings, by the definition."""
    parts = text.lower().split(" ") if split == "words" else list(text.lower())
    between = " " if split == "words" else ""
    spans = [(i, i + k) for k in range(low, high + 1) for i in range(len(parts) - k + 1)]
    return Counter(between.join(parts[a:b]) for a, b in spans if parts != [""])


@pytest.mark.parametrize("n, split", [((1, 3), "words"), ((2, 2), "words"), ((2, 4), "characters")])
def test_ngrams_are_those_of_the_definition(n, split):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcde"), rng.integers(0, 9))) for _ in range(40)]
    ngrams = gd.text.NGrams(n, most=25, split=split, weights="count").fit(texts)
    total = sum((counted(t, *n, split) for t in texts), Counter())
    names = ngrams.names()
    assert len(names) == len(set(names)) == len(ngrams) == min(25, len(total))
    left = [total[g] for g in total if g not in names]
    assert min(total[g] for g in names) >= max(left, default=0)
    new = [*texts[:10], "a z a", "", "z"]
    wanted = [[counted(t, *n, split)[name] for name in names] for t in new]
    assert np.asarray(ngrams.transform(new)).tolist() == wanted


def test_log_ratios_are_those_of_the_definition():
    ngrams = gd.text.NGrams(1, weights="log_ratio").fit(["a b", "a a", "b c"], ["+", "-", "+"])
    assert ngrams.names() == ["a", "b", "c"]
    second, first = np.array([2.0, 1.0, 1.0]), np.array([2.0, 3.0, 2.0])  # texts that have it, + 1
    ratio = np.log(second / second.sum()) - np.log(first / first.sum())
    np.testing.assert_allclose(np.asarray(ngrams.transform(["b a a"])), [ratio * [1, 1, 0]], 1e-6)


@pytest.mark.parametrize("name, settings", [
    ("CountVectorizer", {"ngram_range": (2, 3)}),
    ("CountVectorizer", {"binary": True, "lowercase": False}),
    ("TfidfVectorizer", {"ngram_range": (1, 2), "max_features": 6}),
])  # fmt: skip
def test_vectorizers_of_scikit_learn_are_taken_over(name, settings):
    module = pytest.importorskip("sklearn.feature_extraction.text")
    theirs = getattr(module, name)(**settings).fit(TEXTS)
    own = gd.text.from_sklearn(theirs)
    new = [*TEXTS[:6], "long long film"]
    np.testing.assert_allclose(
        np.asarray(own.transform(new)), theirs.transform(new).toarray(), 1e-6
    )
    again = type(own).restored(own.settings(), own.arrays())
    assert np.array_equal(np.asarray(again.transform(new)), np.asarray(own.transform(new)))
    with pytest.raises(ValueError, match="stop_words='english': expected None"):
        gd.text.from_sklearn(getattr(module, name)(stop_words="english").fit(TEXTS))


def test_tokenizers_travel_in_the_model(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    own = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="[UNK]"))
    own.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    with pytest.raises(ValueError, match=r"none of the tokens \[PAD\].*pass padding="):
        gd.text.Tokenizer(own, 4)
    trainer = tokenizers.trainers.BpeTrainer(
        special_tokens=["[PAD]", "[UNK]"], vocab_size=50, show_progress=False
    )
    own.train_from_iterator(TEXTS, trainer)
    made = gd.text.Tokenizer(own, 4)
    assert made.transform(["fine", ""]).tolist()[1] == [0, 0, 0, 0]
    model = model_of(made)
    model.save(tmp_path / "m.safetensors")
    loaded, pickled = gd.load(tmp_path / "m.safetensors"), pickle.loads(pickle.dumps(model))
    assert np.array_equal(loaded.predict(NEW), model.predict(NEW))
    assert np.array_equal(pickled.predict(NEW), model.predict(NEW))


# --- models ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKE)
def test_a_model_takes_strings_and_so_does_what_was_saved_of_it(kind, tmp_path):
    model = model_of(MAKE[kind]())
    model.fit(TEXTS, LABELS, epochs=3, seed=0, validation_data=(np.array(TEXTS), LABELS), verbose=0)
    model.train_on_batch(TEXTS[:6], LABELS[:6])
    model.save(tmp_path / "m.safetensors")
    for other in (gd.load(tmp_path / "m.safetensors"), copy.deepcopy(model)):
        assert np.array_equal(other.predict(NEW), model.predict(NEW))
        assert other.evaluate(TEXTS, LABELS) == model.evaluate(TEXTS, LABELS)
        assert np.array_equal(other.predict({"review": NEW}), model.predict(NEW))
    rows = model._engine.definition.readers[0].transform(NEW)  # read once, asked many times
    assert np.array_equal(model.predict(rows), model.predict(NEW))


def test_training_is_resumed_with_the_same_words_alone(tmp_path):
    rows = MAKE["words"]().transform(TEXTS)

    def trained(epochs, texts=TEXTS, **more):
        model = model_of(gd.text.Words(5, most=8).fit(texts))
        model.fit(rows, LABELS, epochs=epochs, seed=0, verbose=0, **more)
        return model.predict(NEW)

    trained(2, callbacks=[gd.Checkpoint(tmp_path)])
    assert np.array_equal(trained(4, resume_from=tmp_path), trained(4))
    with pytest.raises(ValueError, match="the checkpoint's vocabulary is not the model's: fit the"):
        trained(4, [t.replace("film", "book") for t in TEXTS], resume_from=tmp_path)


def test_ngrams_go_through_the_sparse_product():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 300, 8)) for _ in range(50)]
    model = model_of(gd.text.NGrams(2).fit(texts))
    model.train_on_batch(texts, rng.integers(0, 2, 50))
    kernels = [i.kernel for i in model.plan.instructions]
    assert "bag" in kernels and "bag_add" in kernels and "matmul" not in kernels


def test_texts_stand_beside_numbers():
    text, size = gd.Input(MAKE["binary"](), name="text"), gd.Input(2, name="size")
    model = gd.Model([text, size], gd.Dense(1)(gd.Concatenate()([gd.Dense(3)(text), size])))
    given = {"size": np.ones((3, 2)), "text": NEW}
    assert np.array_equal(model.predict(given), model.predict((NEW, np.ones((3, 2)))))


def test_columns_of_frames_are_texts():
    pandas = pytest.importorskip("pandas")
    model = model_of(MAKE["words"]())
    frame = pandas.DataFrame({"text": NEW})
    for given in (frame, frame["text"], frame["text"].astype("string"), np.array(NEW)[:, None]):
        assert np.array_equal(model.predict(given), model.predict(NEW))
    with pytest.raises(ValueError, match=r"shape \(3, 2\): expected one string for each sample"):
        model.predict(frame.assign(more=1))
    frame.loc[1, "text"] = None
    with pytest.raises(
        TypeError, match=r"holds (None|nan) at row 1: .*give '' where there is none"
    ):
        model.predict(frame)


# --- bad input ---------------------------------------------------------------------


@pytest.mark.parametrize("given, wanted", [
    ("a fine film", r"X is one string, 'a fine film': expected a list of them, \[text\]"),
    (["a", None], "X holds None at row 1: expected a string; give '' where there is none"),
    ([float("nan")], "X holds nan at row 0: expected a string; give '' where there is none"),
    ([b"a"], r"X holds bytes b'a' at row 0: expected a string; decode it"),
    (["a", 3], "X holds int 3 at row 1: expected one string for each sample"),
    ([["a"]], r"X holds list \['a'\] at row 0: expected one string for each sample"),
    (3, "X is a int: expected a list, array or Series of strings"),
    (["a", "\udce9"], "X holds half of a surrogate pair at row 1, character 0"),
    (np.zeros((2, 4), int), r"has the shape \(2, 4\): expected \(n, 5\)"),
])  # fmt: skip
def test_what_is_no_text_is_refused_in_one_line(given, wanted):
    model = model_of(MAKE["words"]())
    before = model.predict(NEW)
    for ask in (model.predict, lambda x: model.fit(x, [1] * 2)):
        with pytest.raises((TypeError, ValueError), match=wanted) as refused:
            ask(given)
        assert "\n" not in str(refused.value)
    assert np.array_equal(model.predict(NEW), before)


def test_settings_are_checked():
    for make, wanted in [
        (lambda: gd.text.Words(0), "Words length=0: expected a whole number from 1"),
        (lambda: gd.text.Words(3, keep="mid"), "Words keep='mid': expected one of 'first', 'last'"),
        (lambda: gd.text.NGrams((2, 1)), r"NGrams n=2: expected a whole number from 1 to 1"),
        (lambda: gd.text.NGrams(1, weights="x"), "NGrams weights='x': expected one of 'binary'"),
        (lambda: gd.Input(gd.text.Words(3)), "Words has learned nothing yet: call fit"),
        (lambda: gd.Input(MAKE["words"](), dtype="real"), "of a Words: leave it out"),
        (lambda: gd.text.Words(3).fit(["", " "]), "nothing in the texts occurs 1 times"),
        (lambda: gd.text.NGrams(2).fit([]), "no sequence of 1 to 2 parts occurs 1 times"),
        (lambda: gd.text.NGrams(1, weights="log_ratio").fit(TEXTS), "needs labels of two classes"),
        (lambda: gd.text.NGrams(1, weights="log_ratio").fit(TEXTS, range(24)), "of 24 classes"),
        (lambda: MAKE["words"]().decode([99]), "got the id 99, expected 0 to 9"),
    ]:
        with pytest.raises(ValueError, match=wanted):
            make()


def test_a_file_that_is_not_utf_8_is_refused_in_one_line(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes("café".encode("latin-1"))
    with pytest.raises(
        ValueError, match=r"t\.txt: not a text file in UTF-8 \(.* at byte 3\): save"
    ):
        gd.text.read(path)
    assert gd.text.read(path, encoding="latin-1") == "café"
    with pytest.raises(ValueError, match="unknown encoding 'utf-9'"):
        gd.text.read(path, encoding="utf-9")
    path.write_bytes("\ufeffcafé".encode())
    assert gd.text.read(path) == "café"


# --- files that are made to harm -----------------------------------------------------


def spoiled(path, change):
    tensors, metadata = safetensors.load(path)
    described = json.loads(metadata["model"])
    change(described["text"]["review"], tensors)
    safetensors.save(path, tensors, metadata | {"model": json.dumps(described)})


def swap(name, array):
    def change(_, tensors):
        tensors[f"text:review:{name}"] = np.asarray(array(tensors[f"text:review:{name}"]))

    return change


HARM = [
    ("words", lambda t, _: t.update(kind="os"), "is of the kind 'os': expected one of"),
    ("words", lambda t, _: t.update(length=10**12), "length=1000000000000: expected a whole"),
    ("words", lambda t, _: t.update(length=6), r"makes int rows of shape \(6,\)"),
    ("words", lambda t, _: t.update(lower=[1]), r"lower=\[1\]: expected one of True, False"),
    ("words", lambda t, _: t.update(more=1), "unexpected keyword argument 'more'"),
    ("words", lambda t, a: a.pop("text:review:ends"), "does not make sense .no tensor 'ends'"),
    ("words", swap("ends", lambda e: e - 1), "ends do not fit its bytes"),
    ("words", swap("ends", lambda e: e[::-1].copy()), "ends do not fit its bytes"),
    ("words", swap("bytes", lambda b: b | 128), "does not make sense .*utf-8"),
    ("words", swap("bytes", lambda b: b.astype(np.float32)), "ends do not fit its bytes"),
    ("binary", lambda t, _: t.update(n=[1, 10**9]), "n=1000000000: expected a whole number"),
    ("binary", swap("keys2", lambda k: k[::-1].copy()), "of 2 parts are out of order or range"),
    ("binary", swap("keys3", lambda k: k + 10**15), "of 3 parts are out of order or range"),
    ("binary", swap("columns2", lambda c: c * 0), "not 0, 1, ..., each once"),
    ("binary", swap("columns2", lambda c: c[1:]), "not a column for each key"),
    ("tfidf", swap("weight", lambda w: w * np.nan), "not a finite number for each column"),
    ("tfidf", lambda t, a: a.pop("text:review:weight"), "a tensor of weights do not go together"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HARM)))
def test_a_file_whose_text_makes_no_sense_is_refused_in_one_line(number, tmp_path):
    kind, change, wanted = HARM[number]
    path = tmp_path / "m.safetensors"
    model_of(MAKE[kind]()).save(path)
    spoiled(path, change)
    with pytest.raises(FileFormatError, match=wanted) as refused:
        gd.load(path)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 500
