"""The guide's code runs, on tables that are made here."""

import re
from pathlib import Path

import numpy as np
from small_tables import as_csv

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "tables.md"


def houses(rows, seed):
    draw = np.random.default_rng(seed)
    size = draw.uniform(40, 200, rows).round(1)
    garden = draw.random(rows) < 0.5
    place = draw.integers(0, 3, rows)
    day = np.datetime64("2024-01-01") + draw.integers(0, 300, rows).astype("timedelta64[D]")
    price = 3000 * size + 40_000 * garden + 60_000 * place
    return {
        "size": [None if i % 17 == 0 else s for i, s in enumerate(size.tolist())],
        "garden": ["yes" if g else "no" for g in garden],
        "place": [("vale", "town", "hill")[p] for p in place],
        "sold": [str(d) for d in day],
        "price": price.round(0).tolist(),
    }


def test_the_code_of_the_guide_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("houses.csv").write_text(as_csv(houses(300, 0)))
    Path("new.csv").write_text(as_csv(houses(60, 1)))
    names = {}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S):
        exec(block, names)
    out = capsys.readouterr().out
    assert "which columns mattered" in out and "Importance(column='size'" in out
