"""Files that older versions wrote: they load with the predictions they had, and training goes on.

`files_of/v0_1` was written by version 0.1.0, with arrays of what it predicted then. Other instruction sets
sum in another order, hence the tolerance.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

import gdcore as gd

FILES = Path(__file__).parent / "files_of" / "v0_1"
pytestmark = pytest.mark.skipif(not FILES.exists(), reason="the files are not beside the tests")


def expected(name):
    with np.load(FILES / f"{name}.npz") as arrays:
        return dict(arrays)


def close(got, want):
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["classifier", "images", "sequences"])
def test_predictions(name):
    kept = expected(name)
    close(gd.load(FILES / f"{name}.safetensors").predict(kept["x"]), kept["predicted"])


def test_several_inputs_and_outputs_in_float64():
    kept = expected("graph")
    model = gd.load(FILES / "graph.safetensors")
    found = model.predict({"a": kept["a"], "b": kept["b"]})
    assert found["p"].dtype == np.float64
    close(found["p"], kept["p"])
    close(found["q"], kept["q"])


def test_training_goes_on():
    """Optimizer slots, schedule, counters and what was frozen are those of the file."""
    kept, model = expected("classifier"), gd.load(FILES / "classifier.safetensors")
    assert (model.steps_done, model.epochs_done, model.seed) == (9, 3, 7)
    assert model.info == {"note": "of version 0.1.0"}
    before = model.state_dict()["0.bias"]
    model.fit(kept["x"], kept["y"], epochs=2, batch_size=8, verbose=0)
    for name, array in expected("classifier_further").items():
        np.testing.assert_allclose(model.state_dict()[name], array, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.state_dict()["0.bias"], before)


def test_a_table():
    pytest.importorskip("pyarrow")
    table = gd.load(FILES / "table.safetensors")
    close(
        np.asarray(table.predict(FILES / "houses.csv"), dtype=float), expected("table")["predicted"]
    )


def test_a_run_is_resumed_in_the_middle_of_an_epoch(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(FILES / "checkpoint", folder)
    kept = expected("classifier")
    model = gd.Sequential([gd.Dense(5, activation="relu"), gd.Dropout(0.3), gd.Dense(3)])
    model.compile("adam", "cross_entropy", metrics=["accuracy"])
    history = model.fit(kept["x"], kept["y"], epochs=4, batch_size=8, verbose=0, resume_from=folder)
    end = expected("checkpoint_end")
    np.testing.assert_allclose(history["loss"], end.pop("loss"), rtol=1e-5)
    assert model.steps_done == 12
    for name, array in end.items():
        np.testing.assert_allclose(model.state_dict()[name], array, rtol=1e-4, atol=1e-5)
