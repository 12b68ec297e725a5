"""`gd.generate`: the same numbers with and without a cache, draws, and what is refused."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.engine.engine import engine_of
from gdcore.generation import _Cached, _Whole

STEPS, IDS, WIDTH = 9, 7, 12
RNG = np.random.default_rng(0)


def network(x, *blocks, head=None):
    for block in blocks:
        x = block(x)
    return (head or gd.Dense(IDS))(x)


def gpt(ids):
    """As nanoGPT: learned positions, norms first, a tied output."""
    table = gd.Embedding(IDS, WIDTH)
    blocks = [gd.TransformerDecoder(3, 20, "gelu", dropout=0.1, norm_first=True) for _ in range(2)]
    x = gd.PositionalEncoding("learned")(table(ids))
    return network(x, *blocks, gd.LayerNorm(), head=gd.TiedDense(table))


def embedded(ids):
    return gd.Embedding(IDS, WIDTH)(ids)


class Blocks(gd.Model):
    def __init__(self):
        self.parts = [
            gd.Embedding(IDS, WIDTH),
            gd.PositionalEncoding(),
            gd.TransformerDecoder(2, 8),
        ]

    def forward(self, ids):
        return network(ids, *self.parts)


MODELS = {
    "gpt": gpt,
    "rotary": lambda ids: network(embedded(ids), gd.TransformerDecoder(3, 8, rotary=True, kv_heads=1)),
    "relative": lambda ids: network(
        gd.PositionalEncoding()(embedded(ids)), gd.TransformerDecoder(2, 8, relative=3)
    ),
    "probabilities": lambda ids: network(
        embedded(ids), gd.TransformerEncoder(2, 8, causal=True), head=gd.Dense(IDS, "softmax")
    ),
    "recurrent": lambda ids: network(
        embedded(ids), gd.LSTM(8, return_sequences=True), gd.LSTM(5, return_sequences=True)
    ),
    "without attention": lambda ids: network(gd.PositionalEncoding()(embedded(ids)), gd.Dense(5, "tanh")),
}  # fmt: skip


def model_of(name):
    if name == "subclass":
        model = Blocks()
        model.predict(np.zeros((1, STEPS), np.int32))
    else:
        ids = gd.Input(STEPS, dtype="int")
        model = gd.Model(ids, MODELS[name](ids))
    model.set_weights([RNG.normal(size=w.shape) * 0.5 for w in model.get_weights()])
    return model


@pytest.mark.parametrize("name", [*MODELS, "subclass", "loaded", "float64"])
def test_the_same_numbers_with_and_without_a_cache(name, tmp_path):
    model = model_of("gpt" if name in ("loaded", "float64") else name)
    if name == "float64":
        model.set_dtype("float64")
    if name == "loaded":
        model.save(tmp_path / "m.safetensors")
        model = gd.load(tmp_path / "m.safetensors")
    net = engine_of(model).network()
    rows = RNG.integers(0, IDS, (3, STEPS)).astype(np.int32)
    cached, whole = _Cached(model, net, 3), _Whole(model, net)
    for length in (2, 3, 7, STEPS):
        a, b = cached.logits(rows[:, :length]), whole.logits(rows[:, :length])
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    for settings in ({}, {"top_k": 2, "temperature": 0.7}, {"temperature": 0}):
        one = gd.generate(model, rows[:, :2], 12, seed=5, **settings)
        other = gd.generate(model, rows[:, :2], 12, seed=5, cache=False, **settings)
        np.testing.assert_array_equal(one, other)
        assert one.shape == (3, 14) and (one[:, :2] == rows[:, :2]).all() and one.dtype == np.int32


class Fixed(gd.Layer):
    """The logits of each id, whatever came before."""

    def __init__(self, logits):
        self.logits = logits

    def forward(self, ids):
        rows = gd.ops.take(np.tile(self.logits, (IDS, 1)), ids)
        return rows + 0.0


def test_draws_have_their_shares():
    ids = gd.Input(STEPS, dtype="int")
    shares = np.array([0.4, 0.3, 0.2, 0.1, 1e-9, 1e-9, 1e-9])
    model = gd.Model(ids, Fixed(np.log(shares))(ids))

    def drawn(**settings):
        found = gd.generate(model, np.zeros((4000, 1), int), 1, seed=1, **settings)[:, 1]
        return np.bincount(found, minlength=IDS) / 4000

    np.testing.assert_allclose(drawn(), shares, atol=0.03)
    np.testing.assert_allclose(drawn(top_k=2)[:2], [4 / 7, 3 / 7], atol=0.03)
    assert drawn(top_k=2)[2:].sum() == 0 and drawn(top_k=1)[0] == 1 and drawn(temperature=0)[0] == 1
    sharp = shares**2 / (shares**2).sum()
    np.testing.assert_allclose(drawn(temperature=0.5), sharp, atol=0.03)


def test_a_seed_draws_the_same():
    model = model_of("gpt")
    one, same, other = (gd.generate(model, [1], 30, seed=s) for s in (1, 1, 2))
    assert one.shape == (31,)
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    np.testing.assert_array_equal(gd.generate(model, [1, 2], 0), [1, 2])


def test_training_goes_on_after_it():
    """The numbers stay the model's own: what it learns afterwards is drawn from."""
    model = model_of("gpt").compile(optimizer="adam", loss="crossentropy")
    x = RNG.integers(0, IDS, (20, STEPS)).astype(np.int32)
    before = gd.generate(model, [1], 3)
    model.fit(x, np.full_like(x, 3), epochs=40, verbose=0)
    assert (gd.generate(model, [1], 5, temperature=0)[1:] == 3).all()
    assert before.shape == (4,)


def uncached(make):
    ids = gd.Input(STEPS, dtype="int")
    return gd.Model(ids, make(ids))


def backwards(x):
    zeros = gd.ops.broadcast_to(0.0, (x.shape[0], WIDTH))
    return gd.ops.scan(lambda c, e: (c + e, c), zeros, x, reverse=True)[1]


REFUSED = {
    "model's context has 9": (ValueError, lambda m: gd.generate(m, [0] * 10, 1)),
    "at least one id": (ValueError, lambda m: gd.generate(m, [], 1)),
    "expected whole numbers, the ids": (TypeError, lambda m: gd.generate(m, [0.5], 1)),
    "expected whole numbers, the ids, or one string": (TypeError, lambda m: gd.generate(m, ["to", "be"], 1)),
    "holds the index 7": (ValueError, lambda m: gd.generate(m, [7], 1)),
    "n=-1": (ValueError, lambda m: gd.generate(m, [1], -1)),
    "top_k=0": (ValueError, lambda m: gd.generate(m, [1], 1, top_k=0)),
    "temperature=-1": (ValueError, lambda m: gd.generate(m, [1], 1, temperature=-1)),
    "temperature='hot'": (TypeError, lambda m: gd.generate(m, [1], 1, temperature="hot")),
    r"expected ids \(B, steps\)": (
        ValueError, lambda m: gd.generate(gd.Sequential([gd.Input(3), gd.Dense(2)]), [1], 1)
    ),
    "TransformerEncoder.*by 'attention'.*cache=False|MultiHeadAttention.*by 'attention'.*cache=False": (
        ValueError,
        lambda m: gd.generate(
            uncached(lambda i: network(embedded(i), gd.TransformerEncoder(2, 8))), [1], 1
        ),
    ),
    "by 'scan'.*cache=False": (
        ValueError, lambda m: gd.generate(uncached(lambda i: network(embedded(i), backwards)), [1], 1)
    ),
}  # fmt: skip


def test_text_goes_on_as_its_ids_do():
    characters = gd.text.Characters(STEPS).fit(["to be or not to be"])
    ids = gd.Input(characters)
    table = gd.Embedding(len(characters), WIDTH, "normal")
    model = gd.Model(ids, gd.TiedDense(table)(gd.LSTM(WIDTH, return_sequences=True)(table(ids))))
    drawn = gd.generate(model, characters.encode("to"), 8, seed=3)
    assert gd.generate(model, "to", 8, seed=3) == characters.decode(drawn)
    for wrong, parts in (("", 0), ("to be or not", 12)):
        match = rf"prompt of {parts} parts of text \(Characters\), and the model's context has 9: expected 1 to 9"
        with pytest.raises(ValueError, match=match):
            gd.generate(model, wrong, 1)
    assert gd.generate(model, "电影 be", 3, seed=3).startswith("\ufffd\ufffd be")
    with pytest.raises(TypeError, match="prompt is text, and the model's input does not take any"):
        gd.generate(model_of("gpt"), "to", 1)


@pytest.mark.parametrize("match", REFUSED)
def test_refused_in_a_line(match):
    kind, call = REFUSED[match]
    with pytest.raises(kind, match=match) as caught:
        call(model_of("gpt"))
    assert "\n" not in str(caught.value)
