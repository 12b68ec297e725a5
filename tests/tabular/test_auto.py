"""Which networks predict where nothing is told of them: models are compared on rows they were not trained on."""

import numpy as np
import pytest
from small_tables import mixed

import gdcore as gd
from gdcore.tabular import folds, presets

TARGETS = ["price", "dear"]


@pytest.mark.parametrize("target", ["price", "dear"])
def test_of_several_models_those_predict_that_err_least_on_other_rows(target, monkeypatch):
    """All are trained on the same folds, and compared at their best temperature over tenths of folds."""
    monkeypatch.setattr(presets, "SEVERAL", 100)
    monkeypatch.setattr(presets, "MOST_STEPS", 1)
    monkeypatch.setattr(presets, "FEWEST_STEPS", 1)
    losses, seen = folds.FoldedTraining._losses, []

    def seen_losses(self, *args):
        seen.append(losses(self, *args))
        return seen[-1]

    monkeypatch.setattr(folds.FoldedTraining, "_losses", seen_losses)
    rows = {k: v for k, v in mixed().items() if k not in TARGETS or k == target}
    monkeypatch.setattr(folds, "CHANCE", np.inf)
    made = gd.tabular.TableModel(model="auto", folds=2)
    model = made.fit(rows, target, verbose=0)
    first, got = seen  # the slowest on one fold; then all on all
    assert {k: v.shape for k, v in first.items()} == dict.fromkeys(presets.CANDIDATES, (10,))
    assert {k: v.shape for k, v in got.items()} == dict.fromkeys(presets.CANDIDATES, (20,))
    assert model.members == dict.fromkeys(presets.CANDIDATES, 2)
    kernels = [k for k in model.network.state_dict() if "output" in k and k.endswith("kernel")]
    assert len(kernels) == 6
    monkeypatch.setattr(folds, "CHANCE", 0.0)
    model = made.refit(rows, verbose=0)
    got = seen[-1]
    best = min(got, key=lambda name: got[name].mean())
    assert model.members == {best: 2}
    assert model.examine(rows, 0).notes[-1] == f"network: auto: 2 of {best}"
    mean = model.out_of_fold["loss" if target == "dear" else "rmse"][0]
    scale = 1.0 if target == "dear" else model.target.scale
    want = got[best].mean() if target == "dear" else np.sqrt(got[best].mean()) * scale
    assert mean == pytest.approx(want, rel=0.25)  # its own loss, before the temperature


def test_the_slowest_is_given_up_after_one_fold_where_it_is_clearly_worse(monkeypatch):
    monkeypatch.setattr(presets, "SEVERAL", 100)
    monkeypatch.setattr(presets, "MOST_STEPS", 1)
    monkeypatch.setattr(presets, "FEWEST_STEPS", 1)
    trained, seen = folds.FoldedTraining._train, []

    def train(self, table, parts, made, model, verbose):
        seen.append((model, len(parts)))
        return trained(self, table, parts, made, model, verbose)

    monkeypatch.setattr(folds.FoldedTraining, "_train", train)
    draw = np.random.default_rng(0)
    rows = {"x": draw.normal(size=200), "z": draw.normal(size=200)}
    rows["y"] = rows["x"] + 0.001 * rows["z"]  # far too few steps for three layers of 256
    model = gd.tabular.TableModel(folds=3, model="auto").fit(rows, "y", verbose=0)
    assert seen == [("mlp", 3), ("mlp-ple", 3), ("realmlp", 1)] and "realmlp" not in model.members
