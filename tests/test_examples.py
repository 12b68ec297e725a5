"""The scripts in examples/, smaller: each solves what it says it solves."""

import importlib.util
import re
from itertools import pairwise, product
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
    tried = {n.removeprefix("test_") for n in globals() if n.startswith("test_")}
    assert set(scripts) <= tried, "give it a test below"
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
    texts, labels = imdb.imdb_ngrams.reviews(reviews, "train")
    words = gd.text.Words(14, keep="last").fit(texts)
    rows, test = imdb.rows(words, texts, labels), imdb.imdb_ngrams.reviews(reviews, "test")
    how = {"width": 16, "rate": 1e-2, "batch": 8}
    for reads in (imdb.lstm, imdb.attention):
        model = imdb.learn(words, reads, rows, 12, **how)
        assert model.evaluate(*test)["accuracy"] > 0.8
        epochs, best = imdb.best_epochs(words, reads, rows, rows, most=2, **how)
        assert epochs in (1, 2) and 0.4 < best <= 1
    assert imdb.row("a", "b", 1, "c", ["d", 0.5], 2).split() == [
        "a",
        "b",
        "1",
        "c",
        "d",
        "50.00%",
        "2",
    ]


def bars(n, size, channels, seed=0):
    """Images of two kinds: a bright bar that lies or stands, in noise."""
    rng = np.random.default_rng(seed)
    x, y = rng.random((n, size, size, channels)) * 0.4, np.arange(n) % 2
    for i, kind in enumerate(y):
        row, column = rng.integers(2, size - 12, 2)
        tall, wide = (10, 3) if kind else (3, 10)
        x[i, row : row + tall, column : column + wide] += 0.6
    return x, y


def test_mnist_cnn():
    """It tells bars that lie from bars that stand; a run counts its operations as its layers have them."""
    mnist = example("mnist_cnn")
    x, y = bars(256, 28, 1)
    model = mnist.train(x, y, epochs=6, width=0.25, batch=16)
    assert model.evaluate(*bars(100, 28, 1, 1))["accuracy"] > 0.95
    layers = [(24**2, 25, 6), (10**2, 54, 8), (1, 200, 64), (1, 64, 10)]
    forward = [2 * pixels * inputs * outputs for pixels, inputs, outputs in layers]
    products, whole = pytest.importorskip("bench.recipes").training_flops(model, 10)
    assert products == pytest.approx(10 * (3 * sum(forward) - forward[0]), rel=0.1)
    assert products < whole < 1.3 * products


def test_cifar10():
    """It learns, with every part of the recipe in place; the first layer stays, its bias is left after three epochs."""
    cifar = example("cifar10")
    x, y = bars(256, 32, 3)
    biases = []

    class Bias(gd.Callback):
        def on_epoch_end(self, epoch, logs):
            biases.append(self.model.state_dict()["whitening.bias"])

    x = (255 * x).astype(np.uint8)
    model = cifar.train(x, y, epochs=6, width=4, batch=32, callbacks=[Bias()])
    test, truth = bars(100, 32, 3, 1)
    assert cifar.accuracy(model, (255 * test).astype(np.uint8), truth) > 0.9
    white = gd.initializers.Whitening((x / 255 - cifar.MEAN) / cifar.STD)
    kernel = model.state_dict()["whitening.kernel"]
    assert np.array_equal(kernel, white(kernel.shape, None).astype(np.float32))
    moved = [np.abs(b - a).max() for a, b in pairwise(biases)]
    assert (
        min(moved[:2]) > 0 and max(moved[3:]) == 0
    )  # look-ahead moves it a last time in the fourth


@pytest.mark.slow
def test_resnet20_cifar10():
    """It learns bars from few images; in fewer steps its rate is too large for some seeds."""
    pytest.importorskip("gdcore.models")
    resnet = example("resnet20_cifar10")
    x, y = bars(128, 32, 3)
    model = resnet.train((255 * x).astype(np.uint8), y, epochs=12, batch=32)
    test, truth = bars(50, 32, 3, 1)
    assert model.evaluate((255 * test).astype(np.uint8), truth)["accuracy"] > 0.9


def test_a_training_beside_the_peak(monkeypatch):
    """How many times its products' time at the peak it took; without a compiler, what is known without one."""
    recipes = pytest.importorskip("bench.recipes")
    peak = importlib.import_module("bench.peak").Peak(100.0, 1.0)
    monkeypatch.setattr(recipes, "peak", lambda threads, isa: dict.fromkeys(threads, peak))
    line = recipes.compared_with_peak(600_000_000_000, [10.0, 14.0])
    assert line.startswith("0.6 TFLOP of products in 12.0 s, 50 GFLOP/s: 2.00 times what they take")
    monkeypatch.setattr(recipes, "peak", lambda threads, isa: {})
    assert recipes.compared_with_peak(600_000_000_000, [12.0]).endswith("50 GFLOP/s")
    assert f"{gd.get_num_threads()} threads" in recipes.machine()


def waves(hours, rng):
    """Two series with a day of 24 hours and noise."""
    day = np.sin(np.arange(hours)[:, None] * 2 * np.pi / 24 + [0.0, 1.0])
    return day * [3.0, 1.0] + rng.normal(size=(hours, 2)) * 0.1 + [5.0, 0.0]


@pytest.mark.slow
def test_etth1(tmp_path):
    """Each network forecasts a day of waves better than their mean."""
    etth1, hours = example("etth1"), 20 * 48
    rows = waves(hours, np.random.default_rng(0))
    text = "date,a,b\n" + "".join(f"{i},{a},{b}\n" for i, (a, b) in enumerate(rows))
    (tmp_path / "series.csv").write_text(text)
    parts = etth1.data(etth1.read(tmp_path / "series.csv", month=48), 48, 24)
    assert [x.shape for x, _ in parts] == [(505, 48, 2), (169, 48, 2), (169, 48, 2)]
    networks = {
        "linear": etth1.Linear(48, 24),
        "lstm": etth1.Lstm(24, units=16),
        "patches": etth1.Patches(24, width=8, heads=2, hidden=8, blocks=1),
    }
    forecasts = {}
    for name, model in networks.items():
        etth1.train(model, *parts[:2], 1e-2, 4, 32)
        forecasts[name] = model.predict(parts[2][0])
        assert np.mean((forecasts[name] - parts[2][1]) ** 2) < 0.2, name  # of the mean 1
    pytest.importorskip("matplotlib")
    etth1.draw(forecasts, *parts[2], path=tmp_path / "series.png", shown=24)
    assert (tmp_path / "series.png").stat().st_size > 10_000


def test_airline():
    """A series that grows by a tenth a year: the naive forecast is behind, the network is not."""
    airline, months = example("airline"), np.arange(96)
    series = 100 * 1.1 ** (months / 12) * (1 + 0.2 * np.sin(months * np.pi / 6))
    ours, naive = airline.errors(*airline.forecasts(series, known=72, epochs=60))
    assert ours < naive / 2


@pytest.mark.slow
def test_ucr():
    """Shapes at any place: a network beside the nearest neighbour, whose distances are those of the recursion."""
    ucr, rng = example("ucr"), np.random.default_rng(0)

    def least(a, b):
        sums = np.full((len(a) + 1, len(b) + 1), np.inf)
        sums[0, 0] = 0.0
        for i, j in product(range(len(a)), range(len(b))):
            before = min(sums[i, j], sums[i, j + 1], sums[i + 1, j])
            sums[i + 1, j + 1] = np.square(a[i] - b[j]).sum() + before
        return sums[-1, -1]

    a, b = ([rng.normal(size=(n, 2)).astype(np.float32) for n in ns] for ns in ((3, 7, 5), (6, 1)))
    np.testing.assert_allclose(
        ucr.warped_distances(a, b), [[least(x, y) for y in b] for x in a], rtol=1e-5
    )

    def shapes(count, lengths):
        x, y = [], rng.integers(0, 2, count)
        for kind in y:
            row = rng.normal(size=(rng.integers(*lengths), 1)) * 0.2
            at = rng.integers(0, len(row) - 6)
            row[at : at + 6, 0] += np.linspace(0, 3, 6)[:: 1 if kind else -1]
            x.append(row.astype(np.float32))
        return gd.datasets.ts_files.Series(x, y, ["falls", "rises"])

    for lengths in ((16, 17), (12, 20)):  # of one length, and of several
        train, test = shapes(40, lengths), shapes(40, lengths)
        assert ucr.accuracy(train, test, steps=150) > 0.8
        assert 0.5 < ucr.neighbours(train, test) <= 1.0
