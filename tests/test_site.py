"""The documentation site: its navigation, its pictures, its measured page and its links."""

import doctest
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if not (ROOT / "website" / "api.py").exists():
    pytest.skip("website/ is not part of this distribution", allow_module_level=True)
sys.path.insert(0, str(ROOT))

from website import comparison, links, pictures, reference  # noqa: E402

DOCS = ROOT / "docs"
PAGES = {p.relative_to(DOCS).as_posix(): p.read_text(encoding="utf-8") for p in DOCS.rglob("*.md")}


def test_every_picture_of_a_page_is_drawn_and_every_drawn_one_is_shown():
    shown = set()
    for name, text in PAGES.items():
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text):
            assert len(words) > 15, f"{name}: {target} needs words for those who cannot see it"
            path = (DOCS / name).parent / target
            if not path.is_file():  # measured ones are kept; the others are drawn at the build
                shown.add(path.resolve().relative_to(DOCS).as_posix())
    assert shown == set(pictures.PICTURES)


@pytest.mark.parametrize("path", ["pictures/ratio.png", "pictures/residual.svg"])
def test_a_picture_is_drawn(path):
    pytest.importorskip("matplotlib")
    start = {".png": b"\x89PNG", ".svg": b"<svg"}[Path(path).suffix]
    assert pictures.PICTURES[path]().startswith(start)


def test_navigation_has_every_page():
    yaml = pytest.importorskip("mkdocs.config.base")
    config = yaml.load_config(str(ROOT / "mkdocs.yml"))
    from website import hooks

    def paths(item):
        if isinstance(item, str):
            yield item
        for part in item.values() if isinstance(item, dict) else item if type(item) is list else ():
            yield from paths(part)

    found = list(paths(hooks.on_config(config)["nav"]))
    assert set(PAGES) <= set(found)
    assert len(found) == len(set(found))


def test_guides_are_in_order():
    """Those named are there: a guide that is renamed is renamed in the list."""
    assert set(reference.GUIDES) <= {p.stem for p in (DOCS / "guides").glob("*.md")}


def test_a_guide_is_called_by_its_title():
    """Not by the name of its file, which knows no capitals."""
    titles = [next(iter(g)) for g in reference.listed((DOCS / "guides").glob("*.md"))]
    assert "From scikit-learn" in titles and "From PyTorch" in titles


def test_no_page_of_the_reference_is_empty():
    pytest.importorskip("sklearn")
    pytest.importorskip("narwhals")
    for path, text in reference.pages().items():
        assert text.count("\n| [`") >= 1, f"{path} leads nowhere"
    assert "[`gdcore.Dense`][gdcore.Dense]" in reference.pages()["reference/gdcore.layers.md"]


def test_measured_page_is_made_of_the_benchmarks_tables():
    text = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    page = comparison.page(text)
    rows = [line for line in text.splitlines() if line.startswith("| tiny ")]
    assert rows
    assert all(row in page for row in rows)
    with pytest.raises(ValueError, match="holds no measured table"):
        comparison.tables("# Benchmarks")


def test_links_are_checked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(links).failed == 0
    assert list(links.broken(tmp_path / "nothing")) == [f"{tmp_path / 'nothing'}: no pages"]
