"""`compile(compute="bfloat16")`: products of rounded factors, in graphs, in models, and whatever carries settings."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import gdcore as gd
from gdcore import compute
from gdcore.engine.engine import engine_of

pytestmark = pytest.mark.filterwarnings("ignore:compute='bfloat16' is no faster")


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
    within = {"." in line.split()[0]: "bfloat16" in line for line in lines if "(gemm)" in line}
    assert within == {False: True, True: True}  # of a loop, too


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
