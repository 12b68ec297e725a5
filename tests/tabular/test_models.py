"""The networks of tables by name: what RealMLP and TabM are made of, and that files keep them."""

import numpy as np
import pytest
from small_tables import as_csv, mixed

import gdcore as gd
from gdcore.cli import main
from gdcore.engine.engine import engine_of
from gdcore.graph.ir import topological
from gdcore.tabular import folds, presets, read
from gdcore.tabular.learning import begun, settled
from gdcore.tabular.tabm import EachMember

SMALL = {
    "realmlp": {"model": "realmlp", "hidden": (24, 24)},
    "tabm": {"model": "tabm", "hidden": (16, 16), "members": 4},
    "mlp-ple": {"model": "mlp-ple", "hidden": (16,)},
}
TARGETS = ["price", "dear"]


def learner(target="price", **settings):
    """What learns a small table, not trained yet, and the features of its rows."""
    table = read({k: v for k, v in mixed().items() if k not in TARGETS or k == target})
    model = gd.tabular.TableModel(**settings)
    encoder, made, _ = begun(
        table, [target], settled(table, [target], {}, model.settings), model.settings
    )
    y = encoder.target.scaled(encoder.target.values(table))
    return made, encoder.encode(table), y


def test_robust_numbers():
    """(x - median) over the distance of the quartiles, then z/√(1 + (z/3)²); constant ones are 0."""
    x = np.r_[np.arange(21.0), 1e30, -1e144]
    rest = {"few": [0.0] * 20 + [1.0, 4.0, 9.0], "y": np.arange(23.0)}
    model = gd.tabular.TableModel([], numbers="robust", epochs=1, patience=None)
    model.fit({"x": x, **rest}, "y", verbose=0)
    z = (x - 10) / (15.5 - 4.5)
    wanted = z / np.sqrt(1 + np.minimum(np.abs(z), 1e30) ** 2 / 9)
    got = model.features({"x": x, **rest}).numbers
    np.testing.assert_allclose(got[:-1, 0], wanted[:-1], rtol=1e-6)
    assert got[-1, 0] == -3
    z = np.array(rest["few"]) / 4.5  # the quartiles are one: half of the range
    np.testing.assert_allclose(got[:, 1], z / np.sqrt(1 + z**2 / 9), rtol=1e-6)


def test_a_value_that_many_rows_share_is_one_bound_of_intervals():
    """Of 92 % zeros the other bounds are quantiles of the rest: its plain quantiles would be four."""
    rest = np.arange(1.0, 81.0)
    (edges,) = gd.PiecewiseLinearEmbedding.quantile_edges(np.r_[np.zeros(920), rest][:, None], 8)
    np.testing.assert_allclose(edges, [0, *np.quantile(rest, np.linspace(0, 1, 8))])
    few = np.repeat([1.0, 2.0, 5.0], 40)[:, None]
    assert gd.PiecewiseLinearEmbedding.quantile_edges(few, 48) == [[1.0, 2.0, 5.0]]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", SMALL)
def test_trained_saved_and_loaded(model, target, tmp_path):
    """Every kind of column, with gaps; the best epoch is kept, and a file says the same to the bit."""
    rows = {k: v for k, v in mixed(300).items() if k not in TARGETS or k == target}
    made = gd.tabular.TableModel(**SMALL[model], epochs=25, batch_size=32, lr=0.02, seed=3).fit(
        rows, target, verbose=0
    )
    metric = "r2" if target == "price" else "accuracy"
    assert made.evaluate(rows)[metric] > 0.8
    assert made.epochs == np.argmin(made.history["val_loss"]) + 1
    new = {**{k: v[:3] for k, v in rows.items() if k != target}, "kind": ["oak", None, "yew"]}
    with pytest.warns(gd.tabular.TableWarning, match="kind"):
        said = made.predict(new)
    made.save(tmp_path / "m.safetensors")
    again = gd.load(tmp_path / "m.safetensors")
    assert again.settings == made.settings and again.settings.model == model
    with pytest.warns(gd.tabular.TableWarning, match="kind"):
        np.testing.assert_array_equal(again.predict(new), said)
    assert again.evaluate(rows)[metric] == made.evaluate(rows)[metric]


def test_realmlp_begins_with_variance_1_and_planes_among_the_rows():
    made, features, _ = learner(model="realmlp", hidden=(64, 64), dropout=0.0)
    made.start()
    network = made.network
    state = network.state_dict()
    assert (state["scale.scale"] == 1).all() and (state["activation_0.share"] == 1).all()
    assert np.abs(state["periodic.phases"]).max() <= np.pi
    inputs = engine_of(network).definition.inputs
    order = topological(engine_of(network).definition.ends())
    biases = {n: state[f"{n}.bias"] for n in ("hidden_0", "hidden_1", "output")}
    for name, bias in biases.items():
        leaf = next(v for v in order if v.name == f"{name}.bias")
        after = next(v for v in order if any(leaf is x for x in v.inputs))
        out = gd.Model(inputs, after).predict(features.inputs())
        np.testing.assert_allclose(out.std(axis=0), 1, rtol=1e-4)
        assert (out.min(axis=0) < 0).all() and (out.max(axis=0) > 0).all(), bias


def test_realmlp_predicts_within_what_it_saw():
    rows = {"x": np.linspace(-1, 1, 80), "y": np.linspace(5, 9, 80)}
    model = gd.tabular.TableModel(model="realmlp", hidden=[16], epochs=100).fit(
        rows, "y", verbose=0
    )
    assert model.evaluate(rows)["r2"] > 0.9
    for bias, end in ((100.0, 9), (-100.0, 5)):
        model.network.load_state_dict({"output.bias": np.array([bias])}, strict=False)
        np.testing.assert_allclose(model.predict({"x": [-9.0, 0.0, 900.0]}), end, rtol=1e-6)


def test_realmlp_is_trained_as_published():
    """Four humps of the rate, groups with rates of their own, decay and dropout that fade out."""
    made, _, _ = learner("dear", model="realmlp", batch_size=40)
    optimizer = engine_of(made.trainer).optimizer
    assert made.trainer is made.network and optimizer.betas == (0.9, 0.95)
    steps = 256 * 4
    assert optimizer.schedule == gd.schedules.LogCosine(0.04, steps, 4)
    assert optimizer.weight_decay == gd.schedules.FlatCosine(0.02, steps)
    rates = {g.match: (g.lr_scale, g.weight_decay) for g in optimizer.parts}
    assert rates == {
        "scale.*": (6.0, None), "periodic.*": (0.1, None), "*.bias": (0.1, 0.0), "*.share": (0.1, None)
    }  # fmt: skip
    assert made.network.losses[0].label_smoothing == 0.1
    assert sum("steps" in name for name in made.network.state_dict()) == 3  # of the dropouts
    made, _, _ = learner("price", model="realmlp")
    assert engine_of(made.trainer).optimizer.schedule.lr == 0.2


@pytest.mark.parametrize(("loss", "target"), [
    ("cross_entropy", "dear"), ("binary_cross_entropy", "dear"), ("hinge", "dear"),
    ("mse", "price"), ("poisson", "price"),
])  # fmt: skip
def test_tabm_trains_each_member_and_predicts_their_mean(loss, target):
    """In training the loss is the mean of the members' own; in prediction it is that of their mean."""
    made, features, y = learner(target, **SMALL["tabm"], loss=loss, dropout=0.0)
    if loss == "poisson":
        y = np.round(y / y.mean() * 3)
    network, trainer = made.network, made.trainer
    x = features.inputs()
    mean = network.predict(x)
    alike = trainer.predict(x)
    assert alike.shape == (len(mean), 4, *mean.shape[1:])
    np.testing.assert_array_equal(alike, np.repeat(mean[:, None], 4, 1))
    inputs = engine_of(trainer).definition.inputs
    members = engine_of(trainer).definition.ends()[0].inputs[0]
    each = gd.Model(inputs, members).predict(x)
    assert each.std(axis=1).min() > 0, "members differ from the beginning"
    link = {"cross_entropy": np.exp, "binary_cross_entropy": lambda z: 1 / (1 + np.exp(-z))}
    f = link.get(loss, lambda z: z)
    if loss == "cross_entropy":
        each = each - np.log(np.exp(each).sum(-1, keepdims=True))
    np.testing.assert_allclose(f(mean), f(each).mean(1), rtol=1e-4, atol=1e-6)
    plain = gd.losses.get(loss)
    own = [
        gd.Model(inputs, members[:, k]).compile(loss=plain).evaluate(x, y)["loss"] for k in range(4)
    ]
    assert network.evaluate(x, y)["loss"] == pytest.approx(trainer.evaluate(x, y)["loss"], rel=1e-5)
    trained = trainer.train_on_batch(x, y)
    assert trained == pytest.approx(np.mean(own), rel=1e-4)
    assert not np.allclose(network.predict(x), mean), "what the trainer learns, the network says"


def test_what_is_not_told_is_the_models_own():
    settings = gd.tabular.TableModel(model="tabm", dropout=0.3, patience=None).settings
    assert (settings.hidden, settings.dropout, settings.patience) == ((512, 512), 0.3, None)
    assert gd.tabular.TableModel(model="mlp").settings == gd.tabular.TableModel(
        (128, 64), activation="relu", dropout=0.1, numbers="standardize", optimizer="adam",
        schedule="cosine", patience=20,
    ).settings  # fmt: skip
    with pytest.raises(ValueError, match="unknown model 'realmpl': did you mean 'realmlp'"):
        gd.tabular.TableModel(model="realmpl")
    with pytest.raises(ValueError, match=r"label_smoothing=1.0: expected at least 0 and below 1"):
        gd.tabular.TableModel(label_smoothing=1.0)
    with pytest.raises(ValueError, match="members=0: expected at least 1"):
        gd.tabular.TableModel(model="tabm", members=0)
    with pytest.raises(
        ValueError, match=r"label_smoothing=0.2 does not go with loss hinge.*: leave it out"
    ):
        learner("dear", loss="hinge", label_smoothing=0.2)
    with pytest.raises(ValueError, match=r"label_smoothing=0.2 does not go with loss mse"):
        learner("price", label_smoothing=0.2)
    made, _, _ = learner("dear", model="realmlp", loss="hinge")
    assert made.network.losses[0].name == "hinge", "the smoothing of the model's own is left out"


def test_targets_of_members_are_checked_as_those_of_one():
    x = gd.Input((2, 3))
    model = gd.Model(x, x + gd.ops.broadcast_to(0.0, (2, 3))).compile(
        loss=EachMember(gd.losses.CrossEntropy())
    )
    with pytest.raises(ValueError, match="class number 7"):
        model.evaluate(np.zeros((1, 2, 3)), [7])
    logits = np.array([[[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]]])
    wanted = (np.log(np.exp(logits).sum(-1)) - logits[..., 1]).mean()
    assert model.evaluate(logits, [1])["loss"] == pytest.approx(wanted, rel=1e-6)


def test_from_the_shell(write, tmp_path, capsys):
    path = write(as_csv({k: v for k, v in mixed().items() if k != "price"}))
    out = str(tmp_path / "m.safetensors")
    told = ["--model", "realmlp", "--hidden", "16", "--epochs", "3", "--verbose", "all"]
    assert main(["train", str(path), "--target", "dear", *told, "--out", out]) == 0
    said = capsys.readouterr().out
    assert "realmlp, 4 columns → 16 → 2, selu" in said
    assert "adam, learning rate 0.04 (coslog4), the best epoch kept" in said
    assert main(["predict", out, str(path)]) == 0
    assert set(capsys.readouterr().out.split()) <= {"prediction", "yes", "no"}
    with pytest.raises(SystemExit, match="2"):
        main(["train", str(path), "--target", "dear", "--model", "relmlp"])
    assert "unknown model 'relmlp': did you mean 'realmlp'" in capsys.readouterr().err


@pytest.mark.parametrize("settings", [
    {"target": "price", "model": "realmlp", "hidden": (16,), "lr": 0.02},
    {"target": "dear", "model": "tabm", "hidden": (16,), "members": 2, "threshold": "f1"},
    {"target": "dear", "hidden": (16,), "loss": "hinge"},
], ids=["realmlp", "tabm", "mlp"])  # fmt: skip
def test_folds_are_averaged(settings, tmp_path, monkeypatch):
    """The mean of networks, each trained without its fold, which says when to stop and is scored."""
    target = settings["target"]
    rows = {k: v for k, v in mixed().items() if k not in TARGETS or k == target}
    told = {k: v for k, v in settings.items() if k != "target"}
    made, joined = [], folds.FoldedTraining._join

    def join(self, learners, runs):
        made.extend(learners)
        joined(self, learners, runs)

    monkeypatch.setattr(folds.FoldedTraining, "_join", join)
    model = gd.tabular.TableModel(**told, folds=3, epochs=12, seed=5).fit(rows, target, verbose=0)
    features = model.encoder.encode(read(rows))
    x = features.inputs()
    said = np.stack([learner.network.predict(x) for learner in made], 1)
    assert len(made) == 3 and said.std(axis=1).max() > 0
    if target == "dear" and "loss" not in told:
        said = np.log(np.exp(said).mean(1))  # logarithms of probabilities
    else:
        said = said.mean(1)
    np.testing.assert_allclose(model.network.predict(x), said, rtol=1e-4, atol=1e-5)
    metric = "r2" if target == "price" else "accuracy"
    y = model.target.values(read(rows))
    parts = folds.folds_of(y, 3, 5, target == "dear")
    assert sorted(np.concatenate([out for _, out in parts])) == list(range(len(y)))
    each = []
    for learner, (_, out) in zip(made, parts, strict=True):
        z = learner.network.predict(features.take(out).inputs())
        if target == "price":
            z = model.target.in_units(z)
            each.append(1 - ((z - y[out]) ** 2).sum() / ((y[out] - y[out].mean()) ** 2).sum())
        else:
            said = z.argmax(1) if z.shape[1] > 1 else z[:, 0] > 0
            each.append((said == y[out]).mean())
    assert model.out_of_fold[metric] == pytest.approx(
        (np.mean(each), np.std(each, ddof=1)), rel=1e-4
    )
    model.save(tmp_path / "m.safetensors")
    again = gd.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
    assert again.decision == model.decision and again.settings.folds == 3


def test_folds_in_the_report_and_what_does_not_go_with_them():
    rows = {"x": np.linspace(-1, 1, 60), "y": np.linspace(5, 9, 60)}
    model = gd.tabular.fit(rows, "y", hidden=[8], folds=4, epochs=3, verbose=0)
    mean, spread = model.out_of_fold["mae"]
    assert model.rows == 60, "trained anew on all rows"
    (told,) = [f.text for f in model.report.findings if f.kind == "folds"]
    assert told.startswith(
        "4 networks (4 of mlp), each on the rows it was not trained on, but stopped by: R²"
    )
    assert spread > 0 and mean > 0 and "(deviation " in told
    with pytest.raises(ValueError, match="folds=99: expected at most as many as rows, 60"):
        gd.tabular.TableModel(folds=99).fit(rows, "y")
    with pytest.raises(ValueError, match="validation_data does not go with folds=2"):
        gd.tabular.TableModel(folds=2).fit(rows, "y", validation_data=rows)


def test_networks_on_folds_are_what_is_taken_where_nothing_is_told(monkeypatch, tmp_path):
    rows = {"x": np.linspace(-1, 1, 60), "y": np.linspace(5, 9, 60)}
    made = gd.tabular.TableModel()
    assert (made.settings.model, made.settings.folds) == ("auto", 5)
    for told in ({"hidden": [4]}, {"epochs": 3}, {"patience": None}, {"lr": 0.1}, {"folds": 3}):
        assert gd.tabular.TableModel(**told).settings.model == "mlp", "one network is told of"
    made.fit(rows, "y", verbose=0)
    assert made.members == {"mlp": 5} and set(made.out_of_fold) == {"r2", "mae", "rmse"}
    made.save(tmp_path / "m")
    np.testing.assert_array_equal(gd.load(tmp_path / "m").predict(rows), made.predict(rows))
    few = {"x": np.arange(20.0), "y": np.arange(20.0) % 7 / 3}
    assert gd.tabular.TableModel().fit(few, "y", verbose=0).settings.folds == 1
    watched = gd.tabular.TableModel().fit(rows, "y", validation_data=few, verbose=0)
    assert watched.watched == 20 and watched.settings.model == "mlp"
    with pytest.raises(ValueError, match="model='auto' is of networks on folds, and folds=1"):
        gd.tabular.TableModel(model="auto", folds=1)


@pytest.mark.parametrize("model", presets.KEEPS_BEST)
def test_trained_anew_with_its_own_best_epoch(model):
    """What `gdcore train` keeps: of all rows, a part of which says again which epoch is best."""
    rows = {k: v for k, v in mixed(200).items() if k != "price"}
    made = gd.tabular.fit(rows, "dear", **SMALL[model], epochs=5, verbose=0)
    assert (made.rows, made.watched) == (160, 40)
    assert made.report.rows == {"training": 160, "held out": 40}
    assert made.report.notes[-1] == f"network: {model}"


def test_a_budget_is_filled_with_networks_on_other_folds(monkeypatch):
    """By a clock on which each round takes 10 seconds: of 45, four rounds."""
    now, trained = [0.0], folds.FoldedTraining._train

    def train(self, table, parts, made, model, verbose):
        now[0] += 10
        seen.append([tuple(out) for _, out in parts])
        return trained(self, table, parts, made, model, verbose)

    seen = []
    monkeypatch.setattr(folds.FoldedTraining, "_train", train)
    monkeypatch.setattr(folds.time, "monotonic", lambda: now[0])
    rows = {"x": np.linspace(-1, 1, 60), "y": np.linspace(5, 9, 60)}
    model = gd.tabular.TableModel([4], folds=3, epochs=2, budget=45).fit(rows, "y", verbose=0)
    assert len(seen) == 4 and len({part for parts in seen for part in parts}) == 12
    kernels = [v for k, v in model.network.state_dict().items() if k.endswith("kernel")]
    assert len({k.tobytes() for k in kernels}) == 2 * 12
    seen.clear()
    model = gd.tabular.fit(rows, "y", hidden=[4], epochs=2, budget=1e-9, verbose=0)
    assert [len(parts) for parts in seen] == [5, 5], "one round at least, to measure and to keep"
    assert model.settings.budget == 5e-10
    with pytest.raises(ValueError, match="budget=-1: expected a number of at least 0"):
        gd.tabular.TableModel(budget=-1)
    with pytest.raises(ValueError, match="budget='long': expected a number"):
        gd.tabular.fit(rows, "y", budget="long")
    with pytest.raises(
        ValueError, match="budget=9 is filled with networks on folds, expected 2 or"
    ):
        gd.tabular.TableModel(budget=9, folds=1)


@pytest.mark.parametrize("settings", [*SMALL.values(), {"hidden": (8,), "folds": 3}], ids=str)
def test_several_targets_and_classes_in_an_order(settings):
    """Each output is clamped to its own range, and averaged by itself."""
    rows = mixed(120)
    rows["size2"] = np.linspace(-3, 4, 120)
    quick = {**settings, "epochs": 3}
    model = gd.tabular.TableModel(**quick).fit(rows, ["price", "size2"], verbose=0)
    said = model.predict(rows)
    assert {k: v.shape for k, v in said.items()} == {"price": (120,), "size2": (120,)}
    if settings.get("model") == "realmlp":
        assert said["size2"].min() > -3.001 and said["size2"].max() < 4.001
    if "folds" in settings:
        assert "r2 of size2" in model.out_of_fold
    kinds = gd.tabular.TableModel(**quick).fit(rows, ["kind", "size2"], verbose=0)
    assert kinds.predict_proba(rows)["kind"].shape[1] == 3
    graded = {"x": np.arange(60.0), "y": ["low", "mid", "high"] * 20}
    ordered = gd.tabular.TableModel(**quick, task="ordinal", order=["low", "mid", "high"])
    proba = ordered.fit(graded, "y", verbose=0).predict_proba(graded)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
