"""PyTorch's and Keras' weights in gdcore models, and back; arrays by the exchange protocol."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.interop import from_torch, to_torch
from gdcore.io import safetensors as ours

RNG = np.random.default_rng(0)


# --- PyTorch -------------------------------------------------------------------------------------

# name: what both sides are made of, and the data
TABLE = ("table", (7,))
IMAGE = ("image", (9, 8, 2))
TOKENS = ("tokens", (6,))
SEQUENCE = ("sequence", (5, 3))


def data(kind, shape):
    if kind == "tokens":
        return RNG.integers(0, 11, (10, *shape)).astype(np.int32)
    return RNG.normal(size=(10, *shape)).astype(np.float32)


def pair(name):
    """(torch module, gdcore model, kind of data)."""
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Last(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x)[0][:, -1]

    class Every(Last):
        def forward(self, x):
            return self.inner(x)[0]

    dense = [gd.Input(7), gd.Dense(9, activation="relu"), gd.Dropout(0.5), gd.Dense(4)]
    made = {
        "dense": (nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 4)), dense, TABLE),
        "square": (nn.Linear(7, 7, bias=False), [gd.Input(7), gd.Dense(7, use_bias=False)], TABLE),
        "norms": (
            nn.Sequential(nn.Linear(7, 6), nn.BatchNorm1d(6), nn.LayerNorm(6), nn.Linear(6, 2)),
            [
                gd.Input(7),
                gd.Dense(6),
                gd.BatchNorm(epsilon=1e-5),
                gd.LayerNorm(epsilon=1e-5),
                gd.Dense(2),
            ],
            TABLE,
        ),
        "image": (
            nn.Sequential(
                nn.Conv2d(2, 5, (3, 2)),
                nn.BatchNorm2d(5),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Dropout(0.2),
                nn.Linear(45, 6),
                nn.Tanh(),
                nn.Linear(6, 3),
            ),
            [
                gd.Input((9, 8, 2)),
                gd.Conv2D(5, (3, 2)),
                gd.BatchNorm(epsilon=1e-5),
                gd.Activation("relu"),
                gd.MaxPool2D(2),
                gd.Flatten(),
                gd.Activation("tanh"),
                gd.Dropout(0.2),
                gd.Dense(6, activation="tanh"),
                gd.Dense(3),
            ],
            IMAGE,
        ),
        "lstm": (
            nn.Sequential(
                Every(nn.LSTM(3, 8, batch_first=True)),
                Last(nn.LSTM(8, 4, batch_first=True)),
                nn.Linear(4, 2),
            ),
            [gd.Input((5, 3)), gd.LSTM(8, return_sequences=True), gd.LSTM(4), gd.Dense(2)],
            SEQUENCE,
        ),
        "sequence": (
            nn.Sequential(
                nn.Conv1d(3, 6, 3, groups=3),
                nn.ReLU(),
                nn.ConvTranspose1d(6, 4, 2, 2),
                nn.Flatten(),
                nn.Linear(24, 2),
            ),
            [
                gd.Input((5, 3)),
                gd.Conv1D(6, 3, groups=3, activation="relu"),
                gd.ConvTranspose1D(4, 2, 2),
                gd.Flatten(),
                gd.Dense(2),
            ],
            SEQUENCE,
        ),
        "depthwise": (
            nn.Sequential(
                nn.Conv2d(2, 4, 3, groups=2, padding=1),
                nn.Conv2d(4, 8, (2, 3), groups=4, bias=False),
                nn.Conv2d(8, 3, 1),
                nn.ConvTranspose2d(3, 4, 3, 2, 1, 1, groups=1),
            ),
            [
                gd.Input((9, 8, 2)),
                gd.DepthwiseConv2D(3, padding=1, depth_multiplier=2),
                gd.SeparableConv2D(3, (2, 3), depth_multiplier=2),
                gd.ConvTranspose2D(4, 3, 2, 1, 1),
            ],
            IMAGE,
        ),
        "volume": (
            nn.Sequential(nn.Conv3d(2, 4, 2), nn.Flatten(), nn.Linear(4 * 2 * 3 * 1, 3)),
            [gd.Input((3, 4, 2, 2)), gd.Conv3D(4, 2), gd.Flatten(), gd.Dense(3)],
            ("volume", (3, 4, 2, 2)),
        ),
        "embedding": (
            nn.Sequential(nn.Embedding(11, 4), nn.Flatten(), nn.Linear(24, 3)),
            [gd.Input(6, dtype="int"), gd.Embedding(11, 4), gd.Flatten(), gd.Dense(3)],
            TOKENS,
        ),
    }
    module, layers, kind = made[name]
    if name == "image":  # the same network: an activation more, before the dropout
        module.insert(5, nn.Tanh())
    torch.manual_seed(0)
    for p in module.parameters():
        nn.init.normal_(p, std=0.5)
    for n, b in module.named_buffers():
        if "running" in n:
            nn.init.uniform_(b, 0.5, 2.0)
    return module.eval(), gd.Sequential(layers), kind


PAIRS = [
    *("dense", "square", "norms", "image", "lstm", "embedding", "sequence", "depthwise", "volume")
]


def asked(module, x):
    import torch

    t = torch.from_numpy(x)
    first = next(module.modules() if not hasattr(module, "__getitem__") else iter(module))
    convolves = type(first).__name__.startswith("Conv")
    t = t.permute(0, x.ndim - 1, *range(1, x.ndim - 1)) if convolves else t
    with torch.no_grad():
        y = module(t)
        return (y if y.ndim == 2 or not convolves else y.permute(0, *range(2, y.ndim), 1)).numpy()


@pytest.mark.parametrize("name", PAIRS)
def test_from_torch(name):
    module, model, kind = pair(name)
    x = data(*kind)
    assert from_torch(module, model) is model
    np.testing.assert_allclose(model.predict(x), asked(module, x), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", PAIRS)
def test_to_torch(name):
    """What was trained here is asked there, and comes back as it was."""
    torch = pytest.importorskip("torch")

    module, model, kind = pair(name)
    x = data(*kind)
    for v in model._engine.parameters().network.names:  # anything but what the module has
        view = model._engine.parameters().view(v)
        view[...] = RNG.uniform(0.2, 1.0, view.shape)
    before = model.get_weights()
    assert to_torch(model, module) is module
    np.testing.assert_allclose(model.predict(x), asked(module, x), rtol=2e-5, atol=2e-6)
    from_torch(module, model)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    state = to_torch(model)
    assert all(isinstance(v, torch.Tensor) for v in state.values())
    assert {tuple(v.shape) for v in state.values()} <= {
        tuple(v.shape) for v in module.state_dict().values()
    }


def test_from_a_state_dict_and_from_its_file(tmp_path):
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("safetensors.torch")
    module, model, kind = pair("norms")
    x = data(*kind)
    want = from_torch(module, model).predict(x)
    fresh = pair("norms")[1]
    assert np.array_equal(from_torch(module.state_dict(), fresh).predict(x), want)
    theirs.save_file(module.state_dict(), tmp_path / "torch.safetensors")
    fresh = pair("norms")[1]
    assert np.array_equal(from_torch(tmp_path / "torch.safetensors", fresh).predict(x), want)
    half = {k: v.to(torch.bfloat16) for k, v in module.state_dict().items()}
    theirs.save_file(half, tmp_path / "half.safetensors")
    a, b = (
        from_torch(source, pair("norms")[1]).predict(x)
        for source in (half, tmp_path / "half.safetensors")
    )
    assert np.array_equal(a, b)
    np.testing.assert_allclose(a, want, atol=0.2)


def test_a_loaded_model_takes_them_too(tmp_path):
    module, model, kind = pair("image")
    x = data(*kind)
    model.save(tmp_path / "m.safetensors")
    loaded = from_torch(module, gd.load(tmp_path / "m.safetensors"))
    np.testing.assert_allclose(loaded.predict(x), asked(module, x), rtol=2e-5, atol=2e-6)


def test_channels_last_rows_stay():
    module, model, _ = pair("image")
    from_torch(module, model, channels_first=False)
    weight = dict(module.named_parameters())["7.weight"].detach().numpy()
    assert np.array_equal(model.state_dict()["7.kernel"], weight.T)


def test_layers_by_name():
    """The same paths on both sides, in another order; and paths that are paired by hand."""
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.second = torch.nn.Linear(4, 4)
            self.first = torch.nn.Linear(4, 4)

        def forward(self, x):
            return self.second(self.first(x))

    class Ours(gd.Model):
        def __init__(self, a, b):
            setattr(self, a, gd.Dense(4))
            setattr(self, b, gd.Dense(4))
            self.order = (a, b)

        def forward(self, x):
            for name in self.order:
                x = getattr(self, name)(x)
            return x

    module, x = Theirs(), RNG.normal(size=(3, 4)).astype(np.float32)
    want = asked(module, x)
    same, other = Ours("first", "second"), Ours("a", "b")
    same.predict(x), other.predict(x)
    np.testing.assert_allclose(from_torch(module, same).predict(x), want, rtol=1e-5)
    from_torch(module, other, names={"first": "a", "second": "b"})
    np.testing.assert_allclose(other.predict(x), want, rtol=1e-5)
    with pytest.raises(ValueError, match="expected each of second, first with one of a, b"):
        from_torch(module, other, names={"first": "a"})


def test_a_layer_of_ones_own():
    class Scale(gd.Layer):
        def forward(self, x):
            return x * self.param("scale", x.shape[-1:], "ones")

    model = gd.Sequential([gd.Input(3), Scale(), gd.Dense(1)])
    state = {"s.scale": np.arange(3.0), "fc.weight": np.ones((1, 3)), "fc.bias": np.zeros(1)}
    assert from_torch(state, model).predict([[1.0, 1.0, 1.0]]).tolist() == [[3.0]]


def test_what_does_not_match_is_listed():
    model = gd.Sequential([gd.Input(3), gd.Dense(4), gd.Dense(2)])
    before = model.get_weights()
    state = {"a.weight": np.ones((4, 3)), "a.bias": np.ones(4), "b.weight": np.ones((5, 4))}
    with pytest.raises(ValueError) as caught:
        from_torch(state, model)
    assert str(caught.value) == (
        "from_torch: what does not fit: b (weight (5, 4)) for 1 (kernel (4, 2), bias (2,))"
    )
    with pytest.raises(
        ValueError, match=r"PyTorch has 1 layers with weights and the model 2: a \("
    ):
        from_torch({"a.weight": np.ones((4, 3))}, model)
    with pytest.raises(TypeError, match=r"got int: expected a torch\.nn\.Module"):
        from_torch(3, model)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_another_epsilon_is_told():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    model = gd.Sequential([gd.Input(3), gd.Dense(2), gd.BatchNorm()])
    with pytest.warns(UserWarning, match=r"make it gd.BatchNorm\(epsilon=1e-05\)"):
        from_torch(module, model)


# --- arrays and files ----------------------------------------------------------------------------


def test_parameters_are_shared_with_torch():
    torch = pytest.importorskip("torch")
    layer = gd.Dense(3)
    model = gd.Sequential([gd.Input(2), layer]).compile(gd.SGD(0.5), "mse")
    model.predict([[1.0, 2.0]])
    shared = torch.from_dlpack(layer.variables["kernel"])
    model.fit([[1.0, 2.0]], [[5.0, 5.0, 5.0]], epochs=3, seed=0)
    assert np.array_equal(shared.numpy(), model.get_weights()[0])
    shared.zero_()
    assert not model.get_weights()[0].any()
    assert not np.shares_memory(np.asarray(layer.variables["kernel"]), shared.numpy())


def test_a_parameter_without_numbers():
    layer = gd.Dense(3)
    layer(gd.Input(2))
    with pytest.raises(ValueError, match="'kernel' has no numbers yet"):
        np.from_dlpack(layer.variables["kernel"])


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_arrays_of_other_libraries_train(library):
    """Without a copy where NumPy needs none, and to the same bits."""
    module = pytest.importorskip(library)
    make = module.tensor if library == "torch" else module.numpy.array
    x = RNG.normal(size=(40, 3)).astype(np.float32)
    y = RNG.integers(0, 2, 40).astype(np.int32)

    def trained(*arrays):
        model = gd.Sequential([gd.Dense(4), gd.Dense(2)]).compile("adam", "cross_entropy")
        model.fit(*arrays, epochs=2, seed=0, sample_weight=arrays[0][:, 0] ** 2)
        return model.predict(arrays[0]).tobytes()

    assert trained(make(x), make(y)) == trained(x, y)


def test_tensors_that_numpy_cannot_take():
    torch = pytest.importorskip("torch")
    model = gd.Sequential([gd.Input(3), gd.Dense(2)])
    with pytest.raises(TypeError, match=r"X cannot be read as an array: .*detach"):
        model.predict(torch.zeros(2, 3, requires_grad=True))
    with pytest.raises(TypeError, match=r"X is a torch.Tensor that NumPy cannot take .*BFloat16"):
        model.predict(torch.zeros(2, 3, dtype=torch.bfloat16))
    with pytest.raises(TypeError, match=r"X is a torch.Tensor that NumPy cannot take"):
        model.predict(torch.zeros(2, 3, device="meta"))


def test_outputs_go_to_torch_without_a_copy():
    torch = pytest.importorskip("torch")
    out = gd.Sequential([gd.Input(3), gd.Dense(2)]).predict(np.ones((2, 3)))
    assert torch.from_dlpack(out).data_ptr() == out.ctypes.data


def test_files_and_the_official_library(tmp_path):
    """Ours are read by it and its are read by us, in every type."""
    theirs = pytest.importorskip("safetensors.numpy")
    kinds = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]
    tensors = {k: RNG.integers(0, 2, (3, 2)).astype(k) for k in kinds}
    ours.save(tmp_path / "ours", tensors, {"a": "b"})
    theirs.save_file(tensors, tmp_path / "theirs", {"a": "b"})
    for read in (theirs.load_file(tmp_path / "ours"), ours.load(tmp_path / "theirs")[0]):
        assert set(read) == set(tensors)
        for k, v in tensors.items():
            assert read[k].dtype == v.dtype and np.array_equal(read[k], v)
    model = gd.Sequential([gd.Input(3), gd.Dense(2)]).compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), callbacks=[gd.Checkpoint(tmp_path / "run")], seed=0)
    model.save(tmp_path / "model.safetensors")
    for path in (tmp_path / "model.safetensors", tmp_path / "run" / "step-000000001.safetensors"):
        read = theirs.load_file(path)
        assert all(np.array_equal(read[k], v) for k, v in model.state_dict().items())
