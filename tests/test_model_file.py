"""Model files: what goes in comes out and trains on; a file that is damaged or made to harm is refused."""

import json

import numpy as np
import pytest

import gdcore as gd
from gdcore.io import safetensors
from gdcore.io.safetensors import FileFormatError


class Residual(gd.Model):
    def __init__(self, width):
        self.inner = gd.Sequential([gd.Dense(width, activation="gelu"), gd.Dense(width)])

    def forward(self, x):
        return x + self.inner(x)


def two_inputs():
    a, b = gd.Input(3, name="a"), gd.Input((4,), name="b", dtype="int")
    joined = gd.Concatenate()(
        [gd.Dense(5, activation="elu")(a), gd.Flatten()(gd.Embedding(6, 2)(b))]
    )
    return gd.Model([a, b], {"class": gd.Dense(3)(joined), "value": gd.Dense(1)(joined)})


MODELS = {
    "dense": lambda: gd.Sequential(
        [
            gd.Dense(7, activation="relu", kernel_l2=1e-3),
            gd.Dropout(0.2),
            gd.BatchNorm(),
            gd.Dense(3),
        ]
    ),
    "residual": lambda: gd.Sequential(
        [Residual(6), gd.LayerNorm(), gd.Dense(3, activation="softmax")]
    ),
    "image": lambda: gd.Sequential(
        [
            gd.Reshape((3, 2, 1)),
            gd.Conv2D(4, 2, padding="same", activation="mish"),
            gd.MaxPool2D(2, padding="same"),
            gd.Flatten(),
            gd.LayerNorm(),
            gd.GaussianNoise(0.1),
            gd.Dense(3),
        ]
    ),
    "sequence": lambda: gd.Sequential([gd.Reshape((3, 2)), gd.LSTM(4), gd.Dense(3)]),
}


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 6)).astype(np.float32), rng.integers(0, 3, 40)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_what_was_saved_goes_on_bit_for_bit(tmp_path, name, dtype):
    x, y = data()
    model = MODELS[name]().compile(
        gd.Adam(1e-2, clip_norm=1.0), "cross_entropy", ["accuracy"], dtype=dtype
    )
    model.fit(x, y, epochs=2, batch_size=16, seed=1)
    model.info = {"classes": ["a", "b", "c"]}
    model.save(tmp_path / "m.safetensors")
    loaded = gd.load(tmp_path / "m.safetensors")
    assert loaded.info == {"classes": ["a", "b", "c"]}
    assert loaded.predict(x).tobytes() == model.predict(x).tobytes()
    one, two = model.fit(x, y, epochs=2, batch_size=16), loaded.fit(x, y, epochs=2, batch_size=16)
    assert one.history == two.history
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_several_inputs_and_outputs(tmp_path):
    rng = np.random.default_rng(0)
    x = {
        "a": rng.normal(size=(20, 3)).astype("f"),
        "b": rng.integers(0, 6, (20, 4)).astype(np.int32),
    }
    y = {"class": rng.integers(0, 3, 20), "value": rng.normal(size=20)}
    model = two_inputs().compile("sgd", ["cross_entropy", "mse"], loss_weights=[1.0, 0.5])
    model.fit(x, y, seed=0)
    model.save(tmp_path / "m")
    loaded = gd.load(tmp_path / "m")
    for name, out in model.predict(x).items():
        assert loaded.predict(x)[name].tobytes() == out.tobytes()
    assert loaded.evaluate(x, y) == model.evaluate(x, y)


def test_a_loss_of_ones_own_is_asked_for_again(tmp_path):
    x, y = data()

    def mine(pred, target):
        return gd.ops.mean(gd.ops.square(pred - target))

    model = gd.Sequential([gd.Dense(1)]).compile("sgd", mine)
    model.fit(x, y[:, None].astype("f"), seed=0)
    model.save(tmp_path / "m")
    loaded = gd.load(tmp_path / "m")
    assert loaded.predict(x).tobytes() == model.predict(x).tobytes()
    with pytest.raises(ValueError, match=r"loss 'mine' of your own.*call model.compile"):
        loaded.fit(x, y[:, None].astype("f"))
    loaded.compile("sgd", mine).fit(x, y[:, None].astype("f"))


def test_a_plateau_goes_on_where_it_was(tmp_path):
    x, y = data()
    schedule = gd.schedules.ReduceOnPlateau(0.1, monitor="loss", patience=1, threshold=10.0)
    model = gd.Sequential([gd.Dense(3)]).compile(gd.SGD(schedule), "cross_entropy")
    model.fit(x, y, epochs=5, seed=0)
    model.save(tmp_path / "m")
    assert gd.load(tmp_path / "m").optimizer.schedule(0) == model.optimizer.schedule(0) < 0.1


@pytest.fixture
def good(tmp_path):
    x, y = data()
    model = MODELS["image"]().compile("adam", "cross_entropy")
    model.fit(x, y, seed=0)
    path = tmp_path / "good.safetensors"
    model.save(path)
    return path


def rewritten(path, change):
    """The file with its description changed, everything else being right."""
    tensors, metadata = safetensors.load(path)
    description = json.loads(metadata["model"])
    change(description, tensors)
    metadata["model"] = json.dumps(description)
    out = path.with_name("changed.safetensors")
    safetensors.save(out, tensors, metadata)
    return out


def node(description, op):
    return next(n for n in description["graph"]["nodes"] if n["op"] == op)


def set_attr(op, key, value):
    return lambda d, t: node(d, op)["attrs"].__setitem__(key, value)


HARM = {
    "an unknown op": lambda d, t: node(d, "matmul").__setitem__("op", "system"),
    "an internal op": lambda d, t: node(d, "matmul").__setitem__("op", "range"),
    "an input that comes later": lambda d, t: node(d, "matmul").__setitem__("in", [10**6, 0]),
    "a negative input": lambda d, t: node(d, "matmul").__setitem__("in", [-1, 0]),
    "too few inputs": lambda d, t: node(d, "matmul").__setitem__("in", [0]),
    "a lying shape": lambda d, t: node(d, "matmul").__setitem__("shape", [["B", 1], 10**9]),
    "an absurd shape": set_attr("reshape", "shape", [["B", 1], 2**31, 2**31]),
    "a shape that is not one": set_attr("reshape", "shape", "B"),
    "a window outside": set_attr("max_pool", "before", [0, -5]),
    "a huge window": set_attr("max_pool", "kernel", [10**6, 10**6]),
    "a stride of nothing": set_attr("max_pool", "strides", [0, 1]),
    "a missing attribute": lambda d, t: node(d, "max_pool")["attrs"].pop("kernel"),
    "one attribute more": set_attr("matmul", "alpha", 1),
    "axes out of range": set_attr("mean", "axes", [3, 9]),
    "no outputs": lambda d, t: d["graph"].__setitem__("outputs", []),
    "an output that is not there": lambda d, t: d["graph"].__setitem__("outputs", [10**6]),
    "an input that is none": lambda d, t: d["graph"].__setitem__(
        "inputs", [len(d["graph"]["nodes"]) - 1]
    ),
    "a missing tensor": lambda d, t: t.pop(next(iter(t))),
    "a tensor of another shape": lambda d, t: t.__setitem__(next(iter(t)), np.zeros(3, np.float32)),
    "a tensor of ints": lambda d, t: t.__setitem__(k := next(iter(t)), t[k].astype(np.int32)),
    "a variable of a lying shape": lambda d, t: d["graph"]["variables"][0].__setitem__(
        "shape", [2**31, 2**31]
    ),
    "a variable named twice": lambda d, t: d["graph"]["variables"].append(
        d["graph"]["variables"][0]
    ),
    "an unknown role": lambda d, t: d["graph"]["variables"][0].__setitem__("role", []),
    "an unknown initializer": lambda d, t: d["graph"]["variables"][0].__setitem__(
        "initializer", "os.system"
    ),
    "an unknown dtype": lambda d, t: d.__setitem__("dtype", "object"),
    "an unknown optimizer": lambda d, t: d["compiled"]["optimizer"].__setitem__("name", "os"),
    "a wrong optimizer setting": lambda d, t: d["compiled"]["optimizer"].__setitem__("lr", "fast"),
    "an unknown loss": lambda d, t: d["compiled"]["losses"][0].__setitem__("name", "eval"),
    "an unknown loss setting": lambda d, t: d["compiled"]["losses"][0].__setitem__("x", 1),
    "an unknown metric": lambda d, t: d["compiled"].__setitem__("metrics", ["x"]),
    "a missing slot": lambda d, t: t.pop(next(k for k in t if k.startswith("slot:"))),
    "a seed that is no number": lambda d, t: d.__setitem__("seed", "x"),
    "a negative step": lambda d, t: d.__setitem__("steps_done", -1),
    "no graph": lambda d, t: d.pop("graph"),
    "info that is a list": lambda d, t: d.__setitem__("info", []),
    "a table that is no object": lambda d, t: d["info"].__setitem__("table", True),
    "an output's name twice": lambda d, t: d["graph"].update(
        outputs=d["graph"]["outputs"] * 2, output_names=["a", "a"]
    ),
    "a negative loss weight": lambda d, t: d["compiled"].__setitem__("loss_weights", [-1.0]),
    "an infinite loss weight": lambda d, t: d["compiled"].__setitem__("loss_weights", ["inf"]),
    "a negative penalty": lambda d, t: d["graph"]["variables"][0].__setitem__("l2", -1e-3),
    "an infinite penalty": lambda d, t: d["graph"]["variables"][0].__setitem__("l1", "inf"),
    "a role of one's own": lambda d, t: d["graph"]["variables"][0].__setitem__("role", "x"),
    "metrics without end": lambda d, t: d["compiled"].__setitem__("metrics", ["mae"] * 10**6),
    "metrics that are text": lambda d, t: d["compiled"].__setitem__("metrics", "mae"),
}


@pytest.mark.parametrize("what", HARM)
def test_harmful_descriptions_are_refused_in_one_line(good, what):
    with pytest.raises(FileFormatError) as refusal:
        gd.load(rewritten(good, HARM[what]))
    assert "\n" not in str(refusal.value) and "changed.safetensors" in str(refusal.value)


def test_a_description_that_is_not_json(good):
    tensors, metadata = safetensors.load(good)
    for text in ("", "[", "[]", "null", "NaN", '{"graph": NaN}', "[" * 100_000):
        safetensors.save(good, tensors, metadata | {"model": text})
        with pytest.raises(FileFormatError):
            gd.load(good)


@pytest.mark.parametrize("key", ["dtype", "graph", "info"])
def test_a_description_that_says_something_twice(good, key):
    tensors, metadata = safetensors.load(good)
    twice = json.dumps({key: json.loads(metadata["model"])[key]})
    text = metadata["model"]
    for changed in (
        f"{text[:-1]}, {twice[1:]}",
        text.replace('"info": {}', '"info": {"a": 1, "a": 2}'),
    ):
        safetensors.save(good, tensors, metadata | {"model": changed})
        with pytest.raises(FileFormatError, match=r"good.safetensors: JSON key: got '\w+' twice"):
            gd.load(good)


def test_thousands_of_inputs_of_one_op(tmp_path):
    """Work grows with the file: a concatenate of 10,000 took minutes."""
    x = gd.Input(1)
    model = gd.Model(x, gd.ops.concatenate([x] * 10_000))
    model.save(tmp_path / "m.safetensors")
    loaded = gd.load(tmp_path / "m.safetensors")
    found = loaded.predict([[3.0]])
    assert (found == 3).all() and found.shape == (1, 10_000)
    (step,) = loaded._engine.steps.values()
    assert sum(len(i.reads) + len(i.writes) for i in step.session.plan.instructions) < 30_000


def test_other_files(good, tmp_path):
    with pytest.raises(FileNotFoundError):
        gd.load(tmp_path / "nothing")
    whole = good.read_bytes()
    cut = tmp_path / "cut"
    for length in [*range(200), len(whole) // 2, len(whole) - 1]:
        cut.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            gd.load(cut)
    cut.write_bytes(whole + b"x")
    with pytest.raises(FileFormatError, match="cut"):
        gd.load(cut)
    safetensors.save(cut, {"a": np.zeros(2)}, {})
    with pytest.raises(FileFormatError, match="without a gdcore model"):
        gd.load(cut)
    tensors, metadata = safetensors.load(good)
    safetensors.save(cut, tensors, metadata | {"version": "99"})
    with pytest.raises(FileFormatError, match="format '99'"):
        gd.load(cut)


def test_mutations_are_refused_or_harmless(good):
    """Bytes of the description changed at random: refused, or a model that still answers."""
    rng = np.random.default_rng(0)
    tensors, metadata = safetensors.load(good)
    text = bytearray(metadata["model"].encode())
    x = data()[0]
    for _ in range(400):
        changed = bytearray(text)
        for at in rng.integers(0, len(text), rng.integers(1, 4)):
            changed[at] = int(rng.choice(bytearray(b'0123456789[]{}",:-eaB')))
        safetensors.save(good, tensors, metadata | {"model": changed.decode("utf-8", "replace")})
        try:
            model = gd.load(good)
        except FileFormatError as refusal:
            assert "\n" not in str(refusal)
            continue
        try:
            model.predict(x)
        except (ValueError, TypeError, MemoryError) as refusal:
            assert "\n" not in str(refusal)


def test_a_failed_save_leaves_the_file_as_it_was(good):
    before = good.read_bytes()
    model = gd.load(good)
    model.info = {"x": object()}
    with pytest.raises(ValueError, match="info cannot be written as JSON"):
        model.save(good)
    assert good.read_bytes() == before


def test_a_constant_that_is_infinite(tmp_path):
    x = gd.Input(3)
    model = gd.Model(x, gd.ops.where(x > 0, x, -np.inf))
    model.save(tmp_path / "m.safetensors")
    loaded = gd.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict([[1.0, -1.0, 2.0]]), [[1.0, -np.inf, 2.0]])
