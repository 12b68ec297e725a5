"""A table goes in, predictions come out, and the file holds all that is needed for that."""

import numpy as np
import pytest
from small_tables import as_csv, mixed

import gdcore as gd

QUICK = {"hidden": [16], "epochs": 40, "lr": 0.01, "batch_size": 16}


@pytest.mark.parametrize("target", ["price", "dear"])
def test_a_saved_model_needs_nothing_else(write, tmp_path, target):
    columns = mixed()
    other = "dear" if target == "price" else "price"
    model = gd.tabular.TableModel(kinds={other: "ignore"}, **QUICK)
    model.fit(write(as_csv(columns)), target, verbose=0)
    model.save(tmp_path / "m.safetensors")
    loaded = gd.load(tmp_path / "m.safetensors")
    assert isinstance(loaded, gd.tabular.TableModel)
    new = mixed(seed=1)
    del new[target], new[other]
    got = model.predict(new)
    np.testing.assert_array_equal(got, loaded.predict(write(as_csv(new), "new.csv")))
    assert str(loaded) == str(model) and loaded.settings == model.settings
    truth = np.array(mixed(seed=1)[target])
    if target == "dear":
        assert np.mean(got == truth) > 0.8
        np.testing.assert_array_equal(model.predict_proba(new), loaded.predict_proba(new))
    else:
        assert 1 - np.var(got - truth) / np.var(truth) > 0.8


LACKING = {
    "one": (lambda c: {k: v for k, v in c.items() if k != "kind"}, r"no column 'kind', expected"),
    "mistyped": (
        lambda c: {("kinds" if k == "kind" else k): v for k, v in c.items()},
        r"no column 'kind' \(did you mean 'kinds'\?\), expected the columns of training: add it$",
    ),
    "several": (
        lambda c: {k: v for k, v in c.items() if k not in ("kind", "old")},
        r"no columns (kind, old|old, kind), expected the columns of training: add them$",
    ),
    "all": (
        lambda c: {f"x{i}": v for i, v in enumerate(c.values())},
        r"no column of training, but x0, x1, .*: expected .* in a file in its first line$",
    ),
}


@pytest.mark.parametrize("what", LACKING)
def test_columns_that_are_not_there_are_named(what):
    columns = mixed()
    model = gd.tabular.TableModel(**QUICK | {"epochs": 1}).fit(columns, "price", verbose=0)
    change, message = LACKING[what]
    with pytest.raises(ValueError, match=message) as caught:
        model.predict(change(columns))
    assert "\n" not in str(caught.value)
