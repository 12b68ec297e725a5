"""The comparison with scikit-learn runs, says what it needs, and judges as it says."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
if not (ROOT / "bench" / "tabular.py").exists():
    pytest.skip("bench/ is not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from bench import tabular  # noqa: E402


def test_the_comparison_of_a_set(shared_data, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    folder = shared_data("tabular")
    code = tabular.main(["--data", str(folder), "--sets", "german", "--seeds", "1", "--markdown"])
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 3 and out[2].startswith("| german | 1,000 | 60 | accuracy | 0.")
    assert code == (0 if out[2].endswith("| yes |") else 1)


@pytest.mark.parametrize(
    ("ours", "theirs", "holds"),
    [
        ([0.8, 0.9], [0.7, 0.7], True),
        ([0.7, 0.9], [0.8, 0.82], True),
        ([0.7, 0.7], [0.8, 0.81], False),
    ],
)
def test_better_or_equal_is_within_the_standard_error(ours, theirs, holds):
    result = tabular.Result("a", "accuracy", 1, 1, ours, {"x": [0.0, 0.0], "y": theirs})
    assert result.peer == "y" and result.holds is holds


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--data DIR is missing"),
        (["--data", "nowhere"], "is not there"),
        (["--data", "x", "--sets", "adlt"], "unknown set 'adlt'"),
    ],
)
def test_what_it_needs_is_said(capsys, monkeypatch, words, message):
    monkeypatch.delenv("GDCORE_TABULAR_DATA", raising=False)
    with pytest.raises(SystemExit):
        tabular.main(words)
    assert message in capsys.readouterr().err
