"""The comparison of tables runs, goes on where it stopped, says what it needs, and judges as it says."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
if not (ROOT / "bench" / "tabular.py").exists():
    pytest.skip("bench/ is not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench import tabular  # noqa: E402


def test_scores_are_kept_one_by_one(tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    keep = tmp_path / "scores.json"
    words = [
        "--sets",
        "diabetes",
        "--scores",
        str(keep),
        "--methods",
        "gdcore,HistGradientBoosting",
    ]
    tabular.main([*words, "--splits", "1"])
    out, err = capsys.readouterr()
    assert "| diabetes (442) | 1 | 1 − R² | " in out and err.count("diabetes, split 0: ") == 2
    first = json.loads(keep.read_text())["scores"]["diabetes"]["HistGradientBoosting"]["0"]
    assert 0.2 < first[0] < 0.7 and first[1] > 0
    tabular.main([*words, "--splits", "1", "--again", "gdcore"])
    err = capsys.readouterr().err
    assert err.count("diabetes, split") == 1 and "split 0: gdcore " in err
    assert json.loads(keep.read_text())["scores"]["diabetes"]["HistGradientBoosting"]["0"] == first


def scores(**errors):
    """Of one set "a": the errors of each method by split, each in a second."""
    return {m: {str(i): [e, 1.0] for i, e in enumerate(own)} for m, own in errors.items()}


def test_targets_are_judged_by_rows_that_all_have():
    """The third split of boosting, which gdcore has not, counts nowhere."""
    boosting, close = scores(x=[0.25, 0.5, 9.0])["x"], scores(x=[0.5, 0.25, 0.1])["x"]
    record = {"scores": {"german": {"HistGradientBoosting": boosting, "LightGBM": close}}}
    own = record["scores"]["german"]
    own["gdcore"] = scores(x=[0.2, 0.3])["x"]
    assert tabular.best_boosting(record["scores"], "german") == "HistGradientBoosting"
    assert tabular.ratio(record["scores"], "german", "gdcore") == pytest.approx(0.25 / 0.375)
    ranks = tabular.mean_ranks(record["scores"])
    assert ranks == {"gdcore": 1.0, "HistGradientBoosting": 2.5, "LightGBM": 2.5}
    assert tabular.missed(record) == []
    own["RealMLP"] = scores(x=[0.1, 0.1])["x"]  # better, and as fast
    assert tabular.missed(record) == [
        "mean rank 2.00 is not better than RealMLP's 1.00",
        "german: worse than RealMLP by 0.1500 ± 0.0500",
        "time is 1.00 × RealMLP's, expected ≤ 0.5",
    ]
    own["gdcore"] = scores(x=[0.25, 0.875])["x"]
    assert "errors are 1.500 × the best boosting's, expected ≤ 1" in tabular.missed(record)
    del own["RealMLP"]["1"]  # has not scored all that gdcore has: no place
    assert "RealMLP" not in tabular.mean_ranks(record["scores"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--data DIR is missing"),
        (["--data", "nowhere"], "is not there"),
        (["--data", "x", "--sets", "adlt"], "unknown set 'adlt'"),
        (["--data", "x", "--methods", "lightgbm"], "unknown method 'lightgbm'"),
    ],
)
def test_what_it_needs_is_said(capsys, monkeypatch, tmp_path, words, message):
    monkeypatch.delenv("GDCORE_TABULAR_DATA", raising=False)
    with pytest.raises(SystemExit):
        tabular.main([*words, "--scores", str(tmp_path / "s.json")])
    assert message in capsys.readouterr().err
