"""ONNX import: gdcore's own exports, torch's, and single nodes beside onnxruntime; they train further."""

import io
import warnings

import numpy as np
import pytest
from harness import close
from layer_table import CASES
from test_onnx_save import answers, convolutional, fed_to, model_of

import gdcore as gd
from gdcore.activations import ACTIVATIONS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


from gdcore.onnx.save import to_onnx  # noqa: E402

TOLERANCE = 1e-5


@pytest.fixture
def load(tmp_path):
    """A function from a message to the model that its file becomes."""

    def loaded(proto):
        path = tmp_path / "m.onnx"
        path.write_bytes(proto.SerializeToString())
        return gd.onnx.load(path)

    return loaded


def asked(model, arrays):
    out = model.predict(tuple(arrays) if len(arrays) > 1 else arrays[0])
    return list(out.values()) if isinstance(out, dict) else out if isinstance(out, list) else [out]


def as_onnx_runs_it(proto, model, arrays):
    for got, want in zip(asked(model, arrays), answers(proto, arrays), strict=True):
        close(got, want, TOLERANCE)


# --- what gdcore wrote ---------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_layers_come_back(name, load, tmp_path):
    model = model_of(CASES[name])
    arrays = fed_to(CASES[name])
    loaded = load(to_onnx(model))
    for got, want in zip(asked(loaded, arrays), asked(model, arrays), strict=True):
        close(got, want, TOLERANCE)
    state = loaded.state_dict()
    for key, want in model.state_dict().items():
        np.testing.assert_array_equal(state[key], want)
    kinds = [{type(p) for p in m._engine.network().parameters} for m in (model, loaded)]
    assert kinds[0] == kinds[1]
    loaded.save(tmp_path / "again.safetensors")  # and from there into gdcore's own file
    again = gd.load(tmp_path / "again.safetensors")
    for got, want in zip(asked(again, arrays), asked(loaded, arrays), strict=True):
        assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_come_back(name, load):
    model = gd.Sequential([gd.Input(6), gd.Dense(9, activation=name), gd.Activation(name)])
    x = np.random.default_rng(0).normal(size=(7, 6)).astype(np.float32)
    close(load(to_onnx(model)).predict(x), model.predict(x), TOLERANCE)


def nodes_of(proto):
    return [n.op_type for n in proto.graph.node if n.op_type != "Constant"]


def test_a_second_export_is_like_the_first(load):
    """Convolution, pooling and normalization are recognised in what was loaded."""
    first = to_onnx(convolutional())
    second = to_onnx(load(first))
    kept = [k for k in nodes_of(second) if k != "Transpose"]
    assert kept == [k for k in nodes_of(first) if k != "Transpose"]


def test_several_inputs_and_outputs(load):
    a, b = gd.Input(3, name="a"), gd.Input((4,), name="b", dtype="int")
    joined = gd.Concatenate()([gd.Dense(5, "elu")(a), gd.Flatten()(gd.Embedding(6, 2)(b))])
    model = gd.Model([a, b], {"class": gd.Dense(3)(joined), "value": gd.Dense(1)(joined)})
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(9, 3)).astype("f"), "b": rng.integers(0, 6, (9, 4))}
    got, want = load(to_onnx(model)).predict(x), model.predict(x)
    assert list(got) == ["class", "value"]
    for name in want:
        close(got[name], want[name], TOLERANCE)


def test_roles_survive_so_that_weight_decay_does(load):
    model = gd.Sequential([gd.Input(4), gd.Dense(3), gd.BatchNorm(), gd.Dense(2)])
    loaded = load(to_onnx(model))
    for m in (model, loaded):
        roles = {m._engine.network().names[p]: p.role for p in m._engine.network().parameters}
        assert roles == {
            "0.kernel": "kernel",
            "0.bias": "bias",
            "1.gamma": "norm",
            "1.beta": "norm",
            "2.kernel": "kernel",
            "2.bias": "bias",
        }
    assert len(loaded._engine.network().states) == 2


def test_training_goes_on_as_it_would_have(load):
    """From the same weights, the loaded model takes the same steps; batch norm included."""
    (x, y), _ = gd.datasets.digits()
    model = gd.Sequential(
        [gd.Input(64), gd.Dense(32, "relu"), gd.BatchNorm(momentum=0.9, epsilon=1e-5), gd.Dense(10)]
    )
    model.compile(gd.Adam(1e-2), "cross_entropy")
    model.fit(x, y, epochs=1, seed=0)
    loaded = load(to_onnx(model)).compile(gd.Adam(1e-2), "cross_entropy")
    model.compile(gd.Adam(1e-2), "cross_entropy")
    one, two = (m.fit(x, y, epochs=3, seed=1).history["loss"] for m in (model, loaded))
    np.testing.assert_allclose(one, two, rtol=1e-4)
    assert two[-1] < two[0] < 1.0
    for name, w in model.state_dict().items():
        close(loaded.state_dict()[name], w, 1e-2)


# --- what torch wrote ----------------------------------------------------------------


def torch_models():
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Attention(nn.Module):
        """Sizes are asked of the data, as people write it."""

        def __init__(self):
            super().__init__()
            self.qkv, self.out, self.norm = nn.Linear(8, 24), nn.Linear(8, 8), nn.LayerNorm(8)

        def forward(self, x):
            b, t, _ = x.shape
            q, k, v = self.qkv(self.norm(x)).reshape(b, t, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
            weights = torch.softmax(q @ k.transpose(-1, -2) / 2.0, -1)
            return x + self.out((weights @ v).transpose(1, 2).reshape(b, t, -1))

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.a, self.b = nn.Embedding(7, 3), nn.Linear(6, 4), nn.Linear(4, 4)

        def forward(self, i):
            h = self.table(i).flatten(1)
            h = torch.relu(self.a(h))
            return torch.cat([h, self.b(h).clamp(-1, 1) * h], 1).mean(1, keepdim=True) - h.view(
                h.size(0), -1
            )

    floats = lambda *s: torch.randn(5, *s)  # noqa: E731
    return {
        "mlp": (
            nn.Sequential(
                nn.Linear(6, 9),
                nn.LayerNorm(9),
                nn.GELU(),
                nn.Dropout(0.3),
                nn.Linear(9, 4),
                nn.Softmax(-1),
            ),
            floats(6),
        ),
        "image": (
            nn.Sequential(
                nn.Conv2d(3, 8, 3, padding=1),
                nn.BatchNorm2d(8),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(8, 8, 3, groups=8, stride=2),
                nn.SiLU(),
                nn.Conv2d(8, 6, 1, bias=False),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(6, 2),
            ),
            floats(3, 12, 10),
        ),
        "pools": (
            nn.Sequential(
                nn.MaxPool2d(3, 2, 1, ceil_mode=True),
                nn.AvgPool2d(3, 2, 1),
                nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False),
                nn.Conv2d(2, 4, (2, 3), dilation=(1, 2), padding=(1, 2)),
                nn.Hardswish(),
                nn.GroupNorm(2, 4),
                nn.InstanceNorm2d(4, affine=True),
            ),
            floats(2, 23, 21),
        ),
        "sequence": (
            nn.Sequential(
                nn.Conv1d(4, 6, 3, padding=2, dilation=2),
                nn.BatchNorm1d(6),
                nn.ELU(),
                nn.MaxPool1d(2),
                nn.Conv1d(6, 4, 3, groups=2),
                nn.PReLU(4),
                nn.AvgPool1d(2),
                nn.Flatten(),
                nn.Mish(),
                nn.Hardsigmoid(),
                nn.Softplus(),
                nn.LogSoftmax(-1),
            ),
            floats(4, 16),
        ),
        "attention": (Attention(), floats(6, 8)),
        "mixed": (Mixed(), torch.randint(0, 7, (5, 2))),
    }


@pytest.mark.parametrize("dynamo", [False, True], ids=["torchscript", "dynamo"])
@pytest.mark.parametrize("name", ["mlp", "image", "pools", "sequence", "attention", "mixed"])
@pytest.mark.parametrize("batch", ["any", "fixed"])
def test_exported_by_torch(name, batch, dynamo, load):
    torch = pytest.importorskip("torch")
    if dynamo:
        pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    module, x = torch_models()[name]
    with torch.no_grad():
        for p in module.parameters():
            p.add_(torch.randn_like(p) * 0.1)
        module.train()(x)  # running statistics that are not 0 and 1
    module.eval()
    sink, options = io.BytesIO(), {}
    if batch == "any" and dynamo:
        options["dynamic_shapes"] = ({0: torch.export.Dim("batch", min=2, max=1000)},)
    elif batch == "any":
        options["dynamic_axes"] = {"x": {0: "batch"}, "y": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (x,),
            sink,
            input_names=["x"],
            output_names=["y"],
            dynamo=dynamo,
            **({"verbose": False, "external_data": False} if dynamo else {}),
            **options,
        )
    model = load(onnx.load_from_string(sink.getvalue()))
    for rows in (5, 2, 1):  # whatever batch the file was written for
        with torch.no_grad():
            want = module(x[:rows]).numpy()
        close(model.predict(x[:rows].numpy()), want, TOLERANCE)
    learned = {n for n, p in module.named_parameters()}
    found = set(model.state_dict())
    if name not in ("image", "sequence"):  # there, torch folds batch norm into the convolution
        assert sum(n in found for n in learned) >= len(learned) / 2


SLOW = pytest.param(True, marks=pytest.mark.slow, id="dynamo")


@pytest.mark.parametrize("dynamo", [pytest.param(False, id="torchscript"), SLOW])
@pytest.mark.parametrize("batch", ["any", "one"])
def test_an_encoder_of_torch(batch, dynamo, load):
    """Its own layers, with an open batch and as it is exported for one sample; any number is asked for."""
    torch = pytest.importorskip("torch")
    if dynamo:
        pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=dynamo)
    encoder = torch.nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    module = torch.nn.Sequential(torch.nn.Embedding(11, 8), encoder, torch.nn.Linear(8, 3)).eval()
    x = torch.randint(0, 11, (5, 6))
    options = {"dynamo": dynamo, "input_names": ["x"], "output_names": ["y"]}
    options |= {"verbose": False, "external_data": False} if dynamo else {}
    if batch == "any" and dynamo:
        options["dynamic_shapes"] = ({0: torch.export.Dim("batch", min=2, max=1000)},)
    elif batch == "any":
        options["dynamic_axes"] = {"x": {0: "batch"}, "y": {0: "batch"}}
    sink = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (x if batch == "any" else x[:1],), sink, **options)
    model = load(onnx.load_from_string(sink.getvalue()))
    with torch.no_grad():
        want = module(x).numpy()
    for rows in (5, 1):
        close(model.predict(x[:rows].numpy()).reshape(rows, 6, 3), want[:rows], TOLERANCE)
