"""`compile(compute="bfloat16")`: products of rounded factors, in graphs, in models, and whatever carries settings."""

import copy
import pickle
import platform
import shlex
import shutil
import subprocess
import warnings

import numpy as np
import pytest
from harness import ISAS, apply, graph_runner, leaves_of
from test_c_rules import CSRC, ISA_FLAGS
from test_gemm import SIZES, laid_out, multiply
from test_plan_refused import SOUND, refused
from test_simd import CROSS_CC, QEMU, missing

import gdcore as gd
from gdcore import _core, compute
from gdcore.engine.engine import engine_of
from gdcore.graph.ir import OPS
from gdcore.graph.passes.narrow import narrow_products

pytestmark = pytest.mark.filterwarnings("ignore:compute='bfloat16' is no faster")
X86 = [isa for isa in ISAS if isa != "neon"]


def rounded(x):
    """To bfloat16, ties to even, as float32; nan stays nan."""
    x = np.ascontiguousarray(x, np.float32)
    bits = x.view(np.uint32).astype(np.uint64)
    bits = np.where(np.isnan(x), bits | 0x400000, bits + 0x7FFF + (bits >> 16 & 1))
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)


# --- products --------------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [0, 1])
def test_a_product_is_that_of_rounded_factors_on_every_instruction_set(accumulate):
    for m, n, k in SIZES:
        for lie_a, lie_b in (("rows", "rows"), ("columns", "columns"), ("apart", "apart")):
            rng, found = np.random.default_rng(m * n + k), {}
            a = laid_out((2, 1, m, k), lie_a, np.float32, rng)
            b = laid_out((2, 1, k, n), lie_b, np.float32, rng)
            before = rng.normal(size=(2, 1, m, n)).astype(np.float32)
            exact = [rounded(x[1]).astype(np.float64) for x in (a, b)]
            want = accumulate * before + exact[0] @ exact[1]
            for isa in ISAS:
                c = before.copy()
                multiply((c, c), a, b, isa, 32, accumulate=accumulate, loose=1, bfloat16=1)
                assert np.abs(c - want).max(initial=0) <= 1e-6 * np.abs(want).max(initial=1)
                found[isa] = c.tobytes()
            assert len({found[isa] for isa in X86}) <= 1, (m, n, k)


@pytest.mark.parametrize("isa", ISAS)
def test_rounding(isa):
    """Ties to even, infinities, and numbers that become one; nan stays nan, whatever its bits."""
    bits = [0x3F808000, 0x3F818000, 0x3F808001, 0xBF817FFF, 0x7F7FFFFF, 0x7F800000, 0x7F800001]
    x = np.array([*bits, 0xFFC00000, 0x80000000], np.uint32).view(np.float32).reshape(1, 1, -1, 1)
    one, c = np.ones((1, 1, 1, 1), np.float32), np.zeros_like(x)
    multiply((c, c), (x, x), (one, one), isa, 32, bfloat16=1)
    np.testing.assert_array_equal(c, rounded(x))
    assert np.isnan(c).sum() == 2


@pytest.mark.parametrize("name", ["conv", "conv_dx", "conv_dw", "matmul_add"])
def test_ops_take_rounded_factors(name):
    op = OPS[name]
    for sample in op.samples[::5]:
        rng = np.random.default_rng(0)
        arrays = [rng.normal(size=s).astype(np.float32) for s in sample.shapes]
        leaves = leaves_of(op, sample)
        value = apply(op, *leaves, **sample.attrs)
        new = narrow_products([value], compute.IN_FLOAT32)[value]
        exact = [rounded(x).astype(np.float64) for x in arrays[:2]] + arrays[2:]
        if "bfloat16" not in new.attrs:  # of depthwise convolutions: they stay in float32
            assert sample.attrs["groups"] > 1
            exact = arrays
        want = op.reference(*exact, **sample.attrs)
        for isa in ISAS:
            (got,) = graph_runner(leaves, [new], 32, isa, threads=2)(arrays)
            scale = max(1.0, np.abs(want).max(initial=0))
            np.testing.assert_allclose(got.reshape(want.shape), want, rtol=0, atol=2e-6 * scale)


@pytest.mark.parametrize("kernel", ["gemm", "conv", "conv_dw"])
def test_a_plan_that_rounds_otherwise_is_refused(kernel):
    where, dims, attrs, pars = SOUND[kernel]
    for how in (-1, 3):
        refused(kernel, (where, dims, [*attrs[:-1], how], pars), "kernel has not", bits=32)
    refused(kernel, (where, dims, [*attrs[:-1], 1], pars), "kernel has not", bits=64)
    if not _core.bf16_supported():
        refused(kernel, (where, dims, [*attrs[:-1], 2], pars), "processor has not", bits=32)


# --- kernels over pairs ----------------------------------------------------------------------------


@pytest.mark.parametrize("isa", ["avx2", pytest.param("neon", marks=pytest.mark.slow)])  # emulated
def test_kernels_over_pairs(isa, tmp_path):
    """On x86 pairs are multiplied as VDPBF16PS is defined to, with the bits of float32 code; by BFDOT nearly."""
    if why := missing(isa):
        pytest.skip(why)
    cc, runner, flags = (
        shlex.split("gcc"),
        [],
        ["-DGD_BF16_EMULATED", *ISA_FLAGS.get(isa, "").split()],
    )
    if isa == "neon":
        flags = ["-march=armv8.2-a+bf16", "-static"]
        if platform.machine() not in ("aarch64", "arm64"):
            cc, runner = [CROSS_CC], [QEMU, "-cpu", "max"]
    if not shutil.which(cc[0]) or not CSRC.exists():
        pytest.skip(f"needs {cc[0]} and the sources")
    sources = [CSRC.parent / "tests" / "csrc" / "bf16_pairs.c"]
    sources += [CSRC / "product.c", CSRC / "bf16_tiles.c"]
    names = [f"-DGD_ISA={isa}", f"-DGD_ISA_{isa}", "-DGD_PRECISION=f32", "-DGD_REAL_BITS=32"]
    own = ["-std=gnu11", "-O0", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{CSRC}"]
    exe = tmp_path / "pairs"
    command = [*cc, *own, *names, *flags, *map(str, sources), "-o", str(exe), "-lm"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    told = subprocess.run([*runner, str(exe)], capture_output=True, text=True, check=True).stdout
    differ, error = int(told.split()[0]), float(told.split()[-1])
    assert error <= 3e-6 if isa == "neon" else differ == 0, told


def test_instructions_are_used_where_they_pay(monkeypatch):
    monkeypatch.setattr(compute, "ISA_NAME", "avx512")
    for here, same, ratio, how, words in (
        (False, True, 2.0, compute.IN_FLOAT32, "has no bfloat16 products"),
        (True, False, 2.0, compute.IN_FLOAT32, "other numbers"),
        (True, True, 0.5, compute.IN_FLOAT32, "take 2.00 of the time"),
        (True, True, 1.6, compute.BY_INSTRUCTIONS, "take 0.62 of the time"),
    ):
        monkeypatch.setattr(compute, "_supported", lambda here=here: here)
        monkeypatch.setattr(compute, "_agree", lambda same=same: same)
        monkeypatch.setattr(compute, "_ratio", lambda ratio=ratio: ratio)
        kernels = compute._choose()
        assert kernels.how == how
        assert words in kernels.reason


def test_the_measurement_compares_what_it_says(monkeypatch):
    """With float32 code in the place of the instructions, both give the same bits and take about as long."""
    monkeypatch.setattr(compute, "BY_INSTRUCTIONS", compute.IN_FLOAT32)
    assert compute._agree()
    assert compute._ratio() > 0


# --- models ----------------------------------------------------------------------------------------


def images():
    return [
        gd.Input(64),
        gd.Reshape((8, 8, 1)),
        gd.Conv2D(6, 3, activation="gelu"),
        gd.DepthwiseConv2D(3),
        gd.Flatten(),
        gd.Dense(40, activation="gelu"),
        gd.Dense(10),
    ]


def compiled(how="bfloat16", layers=images, **more):
    model = gd.Sequential(layers())
    return model.compile(gd.Adam(3e-3), "cross_entropy", ["accuracy"], compute=how, **more)


def digits(rows=None):
    (x, y), test = gd.datasets.digits()
    return x[:rows], y[:rows], test


def test_gradients_are_near_those_of_float32():
    x, y, _ = digits(256)
    models = [compiled(how) for how in compute.COMPUTE]
    for model in models:
        engine_of(model).known_seed = 0
        model.predict(x[:1])
    models[1].set_weights(models[0].get_weights())
    full, narrow = (np.concatenate([g.ravel() for g in m.gradients(x, y).values()]) for m in models)
    error = np.linalg.norm(full - narrow) / np.linalg.norm(full)
    assert 1e-4 < error < 1e-2


def test_the_same_bits_on_any_number_of_threads():
    x, y, _ = digits(100)
    found, before = set(), gd.get_num_threads()
    try:
        for threads in (1, 2, 5):
            gd.set_num_threads(threads)
            model = compiled()
            model.fit(x, y, batch_size=33, epochs=2, seed=0, verbose=0)
            found.add(model.predict(x).tobytes())
        alone = np.concatenate([model.predict(x[i : i + 1]) for i in range(3)])
        assert alone.tobytes() == model.predict(x[:3]).tobytes()
    finally:
        gd.set_num_threads(before)
    assert len(found) == 1


def test_a_batch_of_one_rounds_its_factors_too():
    """In float32 the gradient of a batch of one is folded into the update, and never multiplied."""
    x, y, _ = digits(8)
    model = compiled(layers=lambda: [gd.Input(64), gd.Dense(10)])
    model.fit(x, y, batch_size=1, seed=0, verbose=0)
    plan = str(engine_of(model).train_steps()[-1].session.plan)
    assert plan.count("matmul bfloat16") == 2


def test_which_products_the_plan_says_are_rounded():
    x, y, _ = digits(32)
    model = compiled()
    model.fit(x, y, seed=0, verbose=0)
    lines = str(engine_of(model).train_steps()[-1].session.plan).splitlines()
    products = [
        line for line in lines if "(gemm)" in line or " conv" in line or "depthwise" in line
    ]
    assert {"bfloat16" in p for p in products if "depthwise" not in p} == {True}
    assert not any("bfloat16" in p for p in products if "depthwise" in p)
    recurrent = gd.Sequential([gd.Input((8, 8)), gd.LSTM(6), gd.Dense(10)])
    recurrent.compile("adam", "cross_entropy", compute="bfloat16")
    recurrent.fit(x.reshape(-1, 8, 8), y, seed=0, verbose=0)
    lines = str(engine_of(recurrent).train_steps()[-1].session.plan).splitlines()
    inner = {"." in line.split()[0]: "bfloat16" in line for line in lines if "(gemm)" in line}
    assert inner == {False: True, True: False}


def test_a_small_network_learns_as_well():
    x, y, (xt, yt) = digits()
    scores = []
    for how in compute.COMPUTE:
        model = compiled(how, lambda: [gd.Input(64), gd.Dense(64, activation="relu"), gd.Dense(10)])
        model.fit(x, y, epochs=12, seed=0, verbose=0)
        scores.append(model.evaluate(xt, yt)["accuracy"])
    assert scores[1] > 0.94
    assert abs(scores[0] - scores[1]) < 0.02


@pytest.mark.slow
def test_ten_seeds_reach_the_accuracy_of_float32():
    """The mean difference lies within two standard errors."""
    x, y, (xt, yt) = digits()
    differences = []
    for seed in range(10):
        scores = []
        for how in compute.COMPUTE:
            model = compiled(how)
            model.fit(x, y, epochs=8, seed=seed, verbose=0)
            scores.append(model.evaluate(xt, yt)["accuracy"])
        differences.append(scores[1] - scores[0])
    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    assert abs(np.mean(differences)) <= 2 * error + 1e-9, differences


def test_files_copies_and_resumed_runs_keep_it(tmp_path):
    x, y, _ = digits(96)
    whole = compiled()
    whole.fit(x, y, epochs=3, seed=0, verbose=0)
    model = compiled()
    model.fit(x, y, epochs=2, seed=0, verbose=0, callbacks=[gd.Checkpoint(tmp_path / "kept")])
    model.save(tmp_path / "m.safetensors")
    same = [
        gd.load(tmp_path / "m.safetensors"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ]
    for other in same:
        assert engine_of(other).settings.compute == "bfloat16"
        assert other.predict(x).tobytes() == model.predict(x).tobytes()
    resumed = compiled()
    resumed.fit(x, y, epochs=3, seed=0, verbose=0, resume_from=tmp_path / "kept")
    assert resumed.predict(x).tobytes() == whole.predict(x).tobytes()


def test_a_bad_value_is_one_line():
    model = gd.Sequential([gd.Input(2), gd.Dense(1)])
    for settings, words in (
        ({"compute": "bfloat"}, "unknown compute 'bfloat'"),
        ({"compute": "float64"}, "unknown compute 'float64'"),
        ({"compute": None}, "unknown compute None"),
        ({"compute": "bfloat16", "dtype": "float64"}, "use dtype='float32'"),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            model.compile("adam", "mse", **settings)
        assert "\n" not in str(caught.value)
        assert not model.compiled


def test_a_store_of_float64_refuses_it():
    layer = gd.Dense(1)
    gd.Sequential([gd.Input(2), layer]).compile("sgd", "mse", dtype="float64").predict([[1.0, 2.0]])
    other = gd.Sequential([gd.Input(2), layer]).compile("sgd", "mse", compute="bfloat16")
    assert other.predict([[1.0, 2.0]]).dtype == np.float32  # compile moved the layer


def test_it_warns_once_where_it_does_not_pay(monkeypatch):
    monkeypatch.setattr(compute, "_told", False)
    monkeypatch.setattr(compute, "_measured", compute.Kernels(compute.IN_FLOAT32, "the reason"))
    with pytest.warns(UserWarning, match="no faster than float32 here: the reason") as caught:
        compiled()
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled()
    monkeypatch.setattr(compute, "_told", False)
    monkeypatch.setattr(compute, "_measured", compute.Kernels(compute.BY_INSTRUCTIONS, "fast"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled()


# --- what else carries settings --------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # that it has not converged
def test_estimators_take_it():
    pytest.importorskip("sklearn")
    from gdcore.estimators import MLPClassifier, NetClassifier, NetRegressor

    x, y, _ = digits(200)
    wide = x.astype(np.float64)
    mlp = MLPClassifier(
        (16,), compute="bfloat16", max_iter=3, tol=0, n_iter_no_change=9, random_state=0
    )
    mlp.fit(wide, y)
    assert engine_of(mlp.model_).settings.compute == "bfloat16"
    assert mlp.model_.predict(x).dtype == mlp.coefs_[0].dtype == np.float32
    own = gd.Sequential([gd.Input(64), gd.Dense(10)])
    net = NetClassifier(own, compute="bfloat16", max_iter=2, random_state=0).fit(wide, y)
    assert engine_of(net.model_).settings.compute == "bfloat16"
    kept = NetClassifier(copy.deepcopy(own).compile("adam", "cross_entropy", compute="bfloat16"))
    kept.set_params(max_iter=2, optimizer="sgd", random_state=0).fit(wide, y)
    assert engine_of(kept.model_).settings.compute == "bfloat16"
    with pytest.raises(ValueError, match="compute='half': expected"):
        NetRegressor(own, compute="half").fit(wide, y)


def test_tables_and_the_command_line_take_it(tmp_path, capsys):
    from gdcore.cli import main

    rows = {"a": [float(i % 7) for i in range(60)], "b": ["x", "y", "z"] * 20}
    rows["y"] = [2 * a for a in rows["a"]]
    for kind in ("mlp", "realmlp"):
        model = gd.tabular.TableModel([8], model=kind, epochs=2, compute="bfloat16")
        model.fit(rows, target="y")
        assert engine_of(model.network).settings.compute == "bfloat16"
    model.save(tmp_path / "t.safetensors")
    assert gd.load(tmp_path / "t.safetensors").settings.compute == "bfloat16"
    with pytest.raises(ValueError, match="unknown compute 'half'"):
        gd.tabular.TableModel(compute="half")
    file = str(tmp_path / "digits.safetensors")
    options = ["--hidden", "8", "--epochs", "1", "--compute", "bfloat16", "--out", file]
    assert main(["train", "digits", *options]) == 0
    assert "float32 with bfloat16 products" in capsys.readouterr().out
    assert engine_of(gd.load(file)).settings.compute == "bfloat16"
    with pytest.raises(SystemExit, match="2"):
        main(["train", "digits", "--compute", "half"])
    assert "unknown compute 'half'" in capsys.readouterr().err
    assert main(["info"]) == 0
    assert "bfloat16" in capsys.readouterr().out
