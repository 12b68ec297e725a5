"""Published networks: parameters as published, outputs equal to torchvision's and Keras's with their weights."""

import importlib.util
import os
import warnings

import numpy as np
import pytest

import gdcore as gd

# name, options: parameters, and states as well
COUNTS = {
    ("vgg16", "torchvision"): (138_357_544, 138_357_544),
    ("vgg16", "keras"): (138_357_544, 138_357_544),
    ("resnet18", ""): (11_689_512, 11_699_112),
    ("resnet20", ""): (269_722, 271_098),
    ("resnet50", "torchvision"): (25_557_032, 25_610_152),
    ("resnet50", "keras"): (25_583_592, 25_636_712),
    ("inception_v3", "torchvision"): (23_834_568, 23_869_000),
    ("inception_v3", "keras"): (23_817_352, 23_851_784),
    ("mobilenet_v2", "torchvision"): (3_504_872, 3_538_984),
    ("mobilenet_v2", "keras"): (3_504_872, 3_538_984),
}


def made(name, variant="", **options):
    return getattr(gd.models, name)(**({"variant": variant} if variant else {}), **options)


@pytest.mark.parametrize("name, variant", COUNTS)
def test_parameters_as_published(name, variant):
    """The network is traced; no numbers are drawn."""
    network = made(name, variant)._engine.network()
    parameters = sum(p.size for p in network.parameters)
    states = sum(s.size for s in network.states)
    assert (parameters, parameters + states) == COUNTS[name, variant]
    assert [v.shape[1:] for v in network.outputs] == [(10 if name == "resnet20" else 1000,)]


def randomized(weights, seed=0):
    """Arrays under which a deep network keeps the size of what goes through it."""
    rng = np.random.default_rng(seed)

    def drawn(shape):
        if len(shape) > 1:
            return rng.normal(0.0, np.sqrt(2 / np.prod(shape[:-1])), shape)
        return rng.uniform(0.7, 1.3, shape)

    return [drawn(w.shape).astype(np.float32) for w in weights]


def images(size, channels=3):
    return np.random.default_rng(1).normal(size=(2, *size, channels)).astype(np.float32)


def same(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-5 * np.abs(want).max())


# --- torchvision -----------------------------------------------------------------------------------


OPERATORS = []  # what stands in for torchvision's C library, as long as the tests run


@pytest.fixture(scope="module")
def torchvision():
    torch = pytest.importorskip("torch")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed: nothing to compare with")
    try:
        return importlib.import_module("torchvision")
    except (
        RuntimeError
    ):  # its C library does not load beside this torch; the networks need none of it
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        OPERATORS.append(library)
        return importlib.import_module("torchvision")


def theirs(torchvision, name):
    """torchvision's network of five classes with random weights and statistics."""
    import torch

    plain = {"init_weights": False}  # they take seconds
    options = {"inception_v3": {"aux_logits": True, **plain}, "vgg16": plain}.get(name, {})
    module = getattr(torchvision.models, name)(num_classes=5, **options).eval()
    generator = torch.Generator().manual_seed(0)
    for key, t in module.state_dict().items():
        if "running_var" in key or (key.endswith("weight") and t.ndim == 1):
            t.uniform_(0.7, 1.3, generator=generator)
        elif t.is_floating_point() and t.ndim == 1:
            t.normal_(0.0, 0.1, generator=generator)
    return module


# name: least pixels, and pixels of which some windows hold more than others
SIZES = {
    "mobilenet_v2": (45, 32),
    "resnet18": (32, 41),
    "resnet50": (32, 41),
    "inception_v3": (75, 80),
    "vgg16": (32, 45),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("name", SIZES)
def test_weights_of_torchvision(torchvision, name):
    """By the names of the layers, from the state_dict; and back into a module."""
    import torch

    module, size = theirs(torchvision, name), SIZES[name]
    model = made(name, classes=5, input_shape=(*size, 3))
    skip = ["AuxLogits.*"] if name == "inception_v3" else []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of an epsilon, say
        gd.interop.from_torch(module, model, skip=skip)
    x = images(size)
    with torch.no_grad():
        want = module(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    same(model.predict(x), want)
    state = module.state_dict()
    for key, tensor in gd.interop.to_torch(model).items():
        assert torch.equal(tensor, state[key]), key


@pytest.mark.slow
def test_without_the_top(torchvision):
    import torch

    module = theirs(torchvision, "mobilenet_v2")
    model = gd.models.mobilenet_v2(input_shape=(32, 64, 3), include_top=False)
    x = images((32, 64))
    gd.interop.from_torch(module, model, skip=["classifier.*"])
    with torch.no_grad():
        want = module.features(torch.from_numpy(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    assert want.shape == (2, 1, 2, 1280)
    same(model.predict(x), want)


def test_modules_that_are_skipped():
    model = gd.Sequential([gd.Input(2), gd.Dense(1, name="body")])
    state = {"body.weight": np.ones((1, 2)), "body.bias": np.zeros(1)}
    state |= {"aux.0.weight": np.ones((3, 3)), "aux.1.bias": np.ones(3)}
    with pytest.raises(ValueError, match="PyTorch has 3 layers with weights and the model 1"):
        gd.interop.from_torch(state, model)
    with pytest.raises(ValueError, match=r"skip has 'fc', which matches no module .* body, aux.0"):
        gd.interop.from_torch(state, model, skip=["fc"])
    with pytest.raises(TypeError, match=r"expected a list of patterns, as in \['aux.\*'\]"):
        gd.interop.from_torch(state, model, skip="aux.*")
    gd.interop.from_torch(state, model, skip=["aux.*"])
    assert model.predict([[1.0, 2.0]]).tolist() == [[3.0]]


# --- Keras -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def applications():
    pytest.importorskip("torch")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras").applications


KERAS = {
    "mobilenet_v2": ("MobileNetV2", (45, 32)),
    "resnet50": ("ResNet50", (32, 41)),
    "inception_v3": ("InceptionV3", (75, 80)),
    "vgg16": ("VGG16", (40, 32)),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KERAS)
def test_weights_of_keras(applications, name):
    """By the names of the layers, whatever numbers Keras has given them, and whatever order it keeps them in."""
    theirs, size = KERAS[name]
    top = name != "vgg16"  # whose dense layers are the most of it, and layers like all others
    options = {"classes": 5, "classifier_activation": None} if top else {}
    shape = (*size, 3)
    module = getattr(applications, theirs)(
        weights=None, input_shape=shape, include_top=top, **options
    )
    module.set_weights(randomized(module.get_weights()))
    model = made(name, "keras", classes=5, input_shape=shape, include_top=top)
    gd.interop.from_keras(module, model)
    x = images(size)
    same(model.predict(x), np.asarray(module(x, training=False).detach()))
    kept = module.get_weights()
    module.set_weights(randomized(kept, seed=2))
    assert gd.interop.to_keras(model, module) is module
    for a, b in zip(kept, module.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Named:
    """What `from_keras` reads of a Keras model."""

    class Variable:
        def __init__(self, path, array):
            self.path, self.array = path, array

    def __init__(self, arrays):
        self.weights = [self.Variable(path, np.asarray(a, np.float32)) for path, a in arrays]

    def get_weights(self):
        return [v.array for v in self.weights]

    def set_weights(self, arrays):
        for v, a in zip(self.weights, arrays, strict=True):
            v.array = np.array(a)


def test_names_that_keras_gave_itself():
    """Branches, which Keras keeps in the order of their depth: matched by number, however far it has counted."""
    x = gd.Input(2)
    first, second = gd.Dense(2, name="dense"), gd.Dense(2, name="dense_1")
    model = gd.Model(x, first(x) - second(x))
    last = [("dense_12/kernel", [[3, 0], [0, 3]]), ("dense_12/bias", [1, 1])]
    keras = Named([*last, ("dense_7/kernel", [[1, 0], [0, 1]]), ("dense_7/bias", [0, 0])])
    gd.interop.from_keras(keras, model)
    assert model.predict([[1.0, 2.0]]).tolist() == [[-3.0, -5.0]]
    model.set_weights([w + 1 for w in model.get_weights()])
    gd.interop.to_keras(model, keras)
    assert keras.weights[3].array.tolist() == [1.0, 1.0]
    assert keras.weights[1].array.tolist() == [2.0, 2.0]
    wrong = Named([*last, ("dense_7/kernel", [[1, 0], [0, 1]])])
    for call in (
        lambda: gd.interop.from_keras(wrong, model),
        lambda: gd.interop.to_keras(model, wrong),
    ):
        with pytest.raises(ValueError, match=r"3 arrays for 4|4 arrays for 3"):
            call()
    wrong = Named(
        [*last[:1], ("dense_12/bias", [1]), *[(v.path, v.array) for v in keras.weights[2:]]]
    )
    with pytest.raises(
        ValueError, match=r"to_keras: what does not fit: dense_12/bias \(1,\) for dense_1.bias"
    ):
        gd.interop.to_keras(model, wrong)


# --- what is refused, and what trains --------------------------------------------------------------


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: gd.models.vgg16(variant="caffe"), "vgg16 variant 'caffe'"),
        (lambda: gd.models.resnet50(input_shape=(3, 224, 224)), "at least 32 x 32 pixels.*channels come last"),
        (lambda: gd.models.inception_v3(input_shape=(74, 99, 3)), "at least 75 x 75 pixels"),
        (lambda: gd.models.resnet18(input_shape=224), r"expected \(height, width, channels\)"),
        (lambda: gd.models.mobilenet_v2(classes=0), "mobilenet_v2 classes=0"),
        (lambda: gd.models.resnet20(input_shape=(32, 32.5, 3)), "input_shape=32.5"),
    ],
)  # fmt: skip
def test_refused_in_one_line(call, says):
    with pytest.raises(ValueError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_shortcuts_without_parameters():
    """A block of ResNet-20 that halves the image and doubles the channels, all its kernels being 0."""
    model = gd.models.resnet20(input_shape=(8, 8, 1), include_top=False)
    state = model.state_dict()
    assert not any("downsample" in name for name in state)
    x = gd.Input((8, 8, 16))
    block = gd.Model(x, model.layer2[0](x))
    weights = block.state_dict()
    block.load_state_dict({k: w * 0 if "kernel" in k else w for k, w in weights.items()})
    data = np.abs(images((8, 8), 16))
    got = block.predict(data)
    np.testing.assert_array_equal(got[..., 8:24], data[:, ::2, ::2])
    assert not got[..., :8].any() and not got[..., 24:].any()


def test_it_trains_and_is_saved(tmp_path):
    (x, y), _ = gd.datasets.digits()
    x = x[:64].reshape(-1, 8, 8, 1).astype(np.float32)
    model = gd.models.resnet20(input_shape=(8, 8, 1)).compile(gd.Adam(3e-3), "cross_entropy")
    losses = model.fit(x, y[:64], batch_size=32, epochs=6, seed=0)["loss"]
    assert losses[-1] < 0.5 * losses[0]
    model.save(tmp_path / "m.safetensors")
    again = gd.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert list(again.state_dict()) == list(model.state_dict())
