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
