"""Random streams, initializers, and the errors that everything shares."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import gdcore as gd
from gdcore import initializers as ini
from gdcore.errors import NonFiniteError, did_you_mean, unknown
from gdcore.random import Stream, fresh_seed


def test_a_stream_is_fixed_by_seed_and_name():
    for a, b in ((0, 1), ("a", "b"), (0, "0")):
        assert Stream(3, a).raw(4).tolist() != Stream(3, b).raw(4).tolist()
    assert Stream(3, "a").raw(4).tolist() != Stream(4, "a").raw(4).tolist()
    assert Stream(3, "a").raw(4).tolist() == Stream(3, "a").raw(4).tolist()


def test_words_are_those_of_numpys_philox():
    """In calls of any length: NumPy promises that these words never change."""
    for key in ((0, 0), (2**64 - 1, 12345678901234567890)):
        ours, theirs = Stream(*key), np.random.Philox(key=np.array(key, np.uint64))
        for count in (1, 2, 5, 0, 4, 7, 8, 1000, 3):
            assert ours.raw(count).tolist() == theirs.random_raw(count).tolist()


def test_uniform_numbers_are_made_of_one_word_each():
    words = Stream(5, 6).raw(1500)[3:]
    exact = -0.3 + (0.7 + 0.3) * ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53)
    for dtype in (np.float32, np.float64):
        stream, out = Stream(5, 6), np.empty((499, 3), dtype)
        stream.raw(3)
        stream.fill_uniform(out, -0.3, 0.7)
        assert (out.reshape(-1) == exact.astype(dtype)).all()
    with pytest.raises(
        TypeError, match="fill_uniform of an array of int32: expected float32 or float64"
    ):
        Stream(0).fill_uniform(np.empty(3, np.int32))


def test_no_draw_imports_what_takes_longer():
    code = "import sys; from gdcore.random import Stream; Stream(1, 'x').normal(3); print(sorted(sys.modules))"
    names = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert not {"'numpy.random'", "'hashlib'"} & set(names.strip("[]\n").split(", "))


def test_golden_numbers():
    assert Stream(7, "init").raw(2).tolist() == GOLDEN_RAW
    assert Stream(7, "init").permutation(8).tolist() == GOLDEN_PERMUTATION
    assert Stream(7, "init").integers(10, 8).tolist() == GOLDEN_INTEGERS
    assert Stream(7, "init").normal(3) == pytest.approx(GOLDEN_NORMAL, rel=1e-14)


GOLDEN_RAW = [4591247534198535459, 5188377233894978288]
GOLDEN_PERMUTATION = [0, 6, 1, 2, 4, 3, 5, 7]
GOLDEN_INTEGERS = [9, 8, 9, 3, 4, 0, 7, 2]
GOLDEN_NORMAL = [-0.5387444125734233, -0.5397530718705468, 0.5311931756736886]


def test_draws_in_parts_continue_one_sequence():
    whole, parts = Stream(1, "x"), Stream(1, "x")
    together = np.concatenate([parts.uniform(5), parts.uniform(3)])
    assert whole.uniform(8).tolist() == together.tolist()


def test_distributions():
    n = 200_000
    u = Stream(0, "u").uniform(n, -2.0, 4.0)
    assert u.min() >= -2 and u.max() < 4
    assert abs(u.mean() - 1) < 0.02 and abs(u.var() - 3) < 0.03
    z = Stream(0, "z").normal(n, 5.0, 2.0)
    assert abs(z.mean() - 5) < 0.02 and abs(z.std() - 2) < 0.02
    k = (z - 5) / 2
    assert abs((k**3).mean()) < 0.03 and abs((k**4).mean() - 3) < 0.08
    assert abs((np.abs(k) < 1.959964).mean() - 0.95) < 0.003
    t = Stream(0, "t").truncated_normal(n)
    assert np.abs(t).max() <= 2 and abs(t.std() - ini.rules.TRUNCATED_STD) < 0.005
    i = Stream(0, "i").integers(7, n)
    assert np.abs(np.bincount(i, minlength=7) / n - 1 / 7).max() < 0.005
    big = Stream(0, "i").integers(3 << 61, 1000)  # a quarter of the words has to be drawn again
    assert big.min() >= 0 and big.max() < 3 << 61


def test_shapes_of_every_size():
    stream = Stream(0, 0)
    for shape in ((), (0,), (1,), (3,), (2, 3), (2, 0, 3)):
        for draw in (stream.uniform, stream.normal, stream.truncated_normal):
            assert draw(shape).shape == shape and draw(shape).dtype == np.float64
    assert stream.normal(5).shape == (5,)
    assert stream.integers(4).shape == ()
    assert stream.permutation(0).tolist() == []
    assert sorted(stream.permutation(1000).tolist()) == list(range(1000))


def test_stream_errors():
    for seed in (-1, 1 << 64):
        with pytest.raises(ValueError, match="seed must be 0 to"):
            Stream(seed, 0)
    with pytest.raises(TypeError, match="seed must be an integer, got float"):
        Stream(1.5, 0)
    with pytest.raises(ValueError, match="n must be 1 to"):
        Stream(0, 0).integers(0)
    with pytest.raises(ValueError, match="n must be at least 0, got -1"):
        Stream(0, 0).permutation(-1)
    assert 0 <= fresh_seed() < 2**32


def test_fans():
    assert ini.fans(()) == (1, 1)
    assert ini.fans((7,)) == (7, 7)
    assert ini.fans((3, 5)) == (3, 5)
    assert ini.fans((3, 3, 16, 32)) == (144, 288)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / (200 + 300)),
        ("glorot_normal", 2 / (200 + 300)),
        ("he_uniform", 2 / 200),
        ("he_normal", 2 / 200),
        ("lecun_uniform", 1 / 200),
        ("lecun_normal", 1 / 200),
    ],
)
def test_variances(name, variance):
    values = ini.get(name)((200, 300), Stream(0, name))
    assert values.dtype == np.float64 and values.shape == (200, 300)
    assert values.var() == pytest.approx(variance, rel=0.02)
    assert abs(values.mean()) < 4 * np.sqrt(variance / values.size)
    if name.endswith("uniform"):
        assert np.abs(values).max() <= np.sqrt(3 * variance)
    else:
        assert np.abs(values).max() <= 2 * np.sqrt(variance) / ini.rules.TRUNCATED_STD
    kernel = ini.get(name)((5, 5, 8, 12), Stream(0, name))
    assert kernel.var() == pytest.approx(variance, rel=0.1)  # 5 * 5 * 8 = 200 and 300 again


@pytest.mark.parametrize("shape", [(6, 6), (10, 4), (4, 10), (3, 3, 2, 5), (2, 2, 1, 16)])
def test_orthogonal(shape):
    values = ini.Orthogonal(gain=2.0)(shape, Stream(0, "w"))
    assert values.shape == shape
    flat = values.reshape(-1, shape[-1])
    small = flat @ flat.T if flat.shape[0] < flat.shape[1] else flat.T @ flat
    assert np.allclose(small, 4 * np.eye(len(small)), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(ini._NAMED))
def test_filling_an_array_gives_the_same_values(name, dtype):
    rule, shape = ini.get(name), (150, 1, 301)  # several pieces, the last one cut short
    out = np.empty(shape, dtype)
    rule.fill(out, Stream(3, "w"))
    assert np.array_equal(out, rule(shape, Stream(3, "w")).astype(dtype))


@pytest.mark.parametrize(
    ("shape", "groups"),
    [((3, 3, 4, 4), 1), ((3, 5, 3, 7), 1), ((3, 4, 2), 1), ((1, 3, 3, 2, 8), 2)],
)
def test_dirac_is_torch_s(shape, groups):
    """Odd windows, more filters than channels and fewer, groups, one to three dimensions."""
    nn = pytest.importorskip("torch").nn
    values = ini.Dirac(groups=groups)(shape, Stream(0, "w"))
    flat = np.moveaxis(values, (-1, -2), (0, 1))
    theirs = nn.init.dirac_(nn.Parameter(nn.init.torch.empty(flat.shape)), groups=groups)
    assert np.array_equal(flat, theirs.detach().numpy())


def test_dirac_keeps_images():
    """Also with an even window, and before what is drawn for the other filters."""
    for size in (2, 3, (2, 5)):
        init = ini.Dirac(ini.Normal(1.0))
        model = gd.Sequential(
            [gd.Input((5, 6, 2)), gd.Conv2D(3, size, padding="same", kernel_initializer=init)]
        )
        x = Stream(0, "x").normal((2, 5, 6, 2)).astype(np.float32)
        y = model.predict(x)
        assert np.array_equal(y[..., :2], x) and np.ptp(y[..., 2]) > 1
    drawn = init((2, 5, 2, 3), Stream(3, "w"))[..., 2]
    assert np.array_equal(drawn, ini.Normal(1.0)((2, 5, 2, 3), Stream(3, "w"))[..., 2])
    with pytest.raises(ValueError, match=r"dirac is for kernels of convolutions .*\(4, 4\)"):
        ini.Dirac()((4, 4), Stream(0, 0))
    nested = {"name": "dirac", "rest": {"name": "dirac", "rest": "zeros"}}
    with pytest.raises(TypeError, match=r"Dirac rest=.* expected another initializer"):
        ini.from_config(nested)
    with pytest.raises(ValueError, match="dirac groups=2 of 3 filters: expected a divisor"):
        ini.Dirac(groups=2)((3, 2, 3), Stream(0, 0))


@pytest.mark.parametrize("sizes", [(7, 8), (9,)])
def test_whitening(sizes):
    """Responses to the patches that it was made from: both signs, of variance 1, uncorrelated."""
    epsilon, window = 1e-3, (2, 3)[: len(sizes)]
    mixed = Stream(0, "m").normal((3, 3))
    images = Stream(0, "x").normal((60, *sizes, 3)) @ mixed + 0.5
    filters = 2 * 3 * int(np.prod(window))
    white = ini.Whitening(images, epsilon)
    conv = (gd.Conv2D if len(sizes) == 2 else gd.Conv1D)(filters, window, kernel_initializer=white)
    y = gd.Sequential([conv]).predict(images.astype(np.float32)).reshape(-1, filters)
    half = filters // 2
    assert np.allclose(y[:, :half], -y[:, half:])
    moments = y[:, :half].T @ y[:, :half] / len(y)
    kernel = np.asarray(conv.variables["kernel"]).reshape(half, filters)
    lengths = (kernel**2).sum(0)[:half]  # 1 / (eigenvalue + epsilon), the largest eigenvalue first
    assert (np.diff(lengths) > 0).all()
    assert np.allclose(moments, np.diag((1 / lengths - epsilon) * lengths), atol=2e-4)


def test_whitening_refuses():
    x, stream = np.zeros((4, 3, 3, 2)), Stream(0, 0)
    assert np.isfinite(ini.Whitening(x)((1, 2, 2, 8), stream)).all()  # of images that are all 0
    for shape, message in (
        (
            (2, 2, 3, 24),
            r"Whitening of images \(4, 3, 3, 2\) for a kernel .*: expected \(\*window, 2,",
        ),
        ((2, 2, 12), "with 2 dimensions in the window"),
        ((2, 2, 2, 8), "Whitening for 8 filters: expected 16, both signs of the 8 numbers"),
        ((4, 1, 2, 16), r"no window \(4, 1\) fits into one"),
    ):
        with pytest.raises(ValueError, match=message):
            ini.Whitening(x)(shape, stream)
    with pytest.raises(ValueError, match=r"images of type float64 and shape \(4, 3\): expected"):
        ini.Whitening(x[:, :, 0, 0])
    with pytest.raises(ValueError, match="epsilon=0: expected a number above 0"):
        ini.Whitening(x, 0)


def test_orthogonal_needs_a_matrix():
    with pytest.raises(ValueError, match=r"at least 2 dimensions, got shape \(3,\)"):
        ini.Orthogonal()((3,), Stream(0, 0))


def test_plain_ones():
    stream = Stream(0, 0)
    assert ini.zeros((2,), stream).tolist() == [0, 0]
    assert ini.ones((2,), stream).tolist() == [1, 1]
    assert ini.get(0.25)((2, 1), stream).tolist() == [[0.25], [0.25]]
    assert ini.Uniform(1, 2)((50,), stream).min() >= 1
    assert ini.Normal(0.02)((5000,), stream).std() == pytest.approx(0.02, rel=0.05)


def test_get():
    assert ini.get("he_normal") is ini.he_normal
    assert ini.get(ini.he_normal) is ini.he_normal
    assert ini.get(ini.Orthogonal) == ini.Orthogonal()
    own = ini.get(lambda shape, stream: stream.uniform(shape))
    assert own((2, 2), Stream(0, 0)).shape == (2, 2)
    with pytest.raises(ValueError, match=r"returned shape \(1,\), expected \(2, 2\)"):
        ini.get(lambda shape, stream: np.zeros(1))((2, 2), Stream(0, 0))
    with pytest.raises(ValueError, match="unknown initializer 'he_norml': did you mean 'he_norma"):
        ini.get("he_norml")
    with pytest.raises(TypeError, match="got NoneType"):
        ini.get(None)
    with pytest.raises(ValueError, match="unknown fan 'inn'"):
        ini.VarianceScaling(fan="inn")
    with pytest.raises(ValueError, match="unknown distribution 'norml'"):
        ini.VarianceScaling(distribution="norml")


def test_config_round_trip():
    for init in (
        ini.zeros, ini.ones, ini.he_normal, ini.glorot_uniform, ini.Constant(0.5),
        ini.Uniform(-1.0, 2.0), ini.Normal(0.1), ini.TruncatedNormal(0.2), ini.Orthogonal(2.0),
        ini.Orthogonal(), ini.VarianceScaling(3.0, "out", "uniform"), ini.Dirac(),
        ini.Dirac(ini.VarianceScaling(0.5, "in", "uniform"), 2),
    ):  # fmt: skip
        assert ini.from_config(json.loads(json.dumps(ini.to_config(init)))) == init
    with pytest.raises(TypeError, match="Custom cannot be saved"):
        ini.to_config(ini.Custom(np.ones))
    with pytest.raises(ValueError, match="unknown initializer 'norm'"):
        ini.from_config({"name": "norm"})
    with pytest.raises(ValueError, match="unknown option of initializer 'normal' 'sd'"):
        ini.from_config({"name": "normal", "sd": 1})


def test_shared_errors():
    assert did_you_mean("Adm", ["adam", "sgd"]) == " (did you mean 'adam'?)"
    assert did_you_mean("zzz", ["adam"]) == ""
    line = "unknown optimizer 'adm': did you mean 'adam'? known: adam, sgd"
    assert str(unknown("optimizer", "adm", ["adam", "sgd"])) == line
    assert str(unknown("optimizer", None, ["adam"])) == "unknown optimizer None: known: adam"
    error = pickle.loads(pickle.dumps(NonFiniteError(2, 17, "dense_1/w")))
    assert (error.epoch, error.step, error.tensor) == (2, 17, "dense_1/w")
    assert "epoch 2, step 17" in str(error) and isinstance(error, ArithmeticError)
