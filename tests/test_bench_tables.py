"""The studies of tables: a large one beside LightGBM, and a step of RealMLP."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
if not (ROOT / "bench" / "large_table.py").exists():
    pytest.skip("bench/ is not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench import large_table, realmlp, study  # noqa: E402
from bench.peak import Peak  # noqa: E402


def test_a_step_of_realmlp(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(realmlp, "peak", lambda n, isa: {1: Peak(1e-3, 20.0)})
    file = tmp_path / "record.json"
    assert realmlp.STUDY.main(["--rounds", "1", "--json", str(file)]) == 0
    said = capsys.readouterr().out
    record = study.read(file)
    assert "its products at" in said and realmlp.missed(record) == []
    for own in record["tasks"].values():  # three layers of 256, forward and both ways back
        assert 220e6 < own["products"] < 224e6
    assert len(realmlp.missed(record | {"peak": 1e9})) == 2


def test_a_large_table(monkeypatch):
    """It is as hard for every seed, and each target that is missed is said."""
    pytest.importorskip("pandas")
    for task in large_table.TASKS:
        x, y = large_table.made(500, 12, task)
        assert x.shape == (500, 12) and x.isna().any().any() and len(set(y)) > 1
    record = {
        "error": {"binary": {"gdcore": [0.12, 130.0, 1.0], "LightGBM": [0.1, 9.0, 9.0]}},
        "memory": {"table": 10, "over": 2000},
        "predict": {"pandas": [1.0, 1.0], "predict": [2.0, 1.0], "file": 3, "memory": 5},
    }
    assert large_table.missed(record) == [
        "binary: 1.200 × LightGBM's error, expected at most 1.01",
        "binary: 130 s, expected at most 120",
        "2,000 MB over the table, expected at most 1024",
        "predicted in 2 s, read in 1",
    ]
    shown = large_table.table(
        record | {"setting": study.setting(), "rows": 1000, "columns": 12, "million": 2000}
    )
    assert "binary, 1,000 rows × 12: gdcore | 0.1200 in 130 s" in shown and "2,000 MB" in shown
