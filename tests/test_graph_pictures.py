"""A network drawn as SVG, and what notebooks show."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from test_summary import functional, images, nested, own, sequential, several, shared

import gdcore as gd
from gdcore.plots.layered import arrange
from gdcore.show.html import escape, sparkline, table_html

SVG = "{http://www.w3.org/2000/svg}"


class Block(gd.Layer):
    """x + f(x)."""

    def __init__(self, width):
        self.inner = gd.Dense(width, activation="relu")

    def forward(self, x):
        return x + self.inner(x)


def residual(blocks=2):
    return gd.Sequential([gd.Input(8), *(Block(8) for _ in range(blocks)), gd.Dense(3)])


def fan():
    x = gd.Input(8, name="pixels")
    branches = [gd.Dense(4 + i, name=f"branch{i}")(x) for i in range(4)]
    return gd.Model(x, gd.Dense(2)(gd.Concatenate()([*branches, x])))


CASES = [
    (sequential, ["x", "Dense relu", "Dropout", "Dense"], [(0, 1), (1, 2), (2, 3)]),
    (
        functional,
        ["x", "Dense", "Dropout", "Dense", "+", "head: Dense"],
        [(0, 1), (1, 2), (2, 3), (2, 4), (3, 4), (4, 5)],
    ),
    (
        several,
        ["a", "b", "Flatten", "concat", "p: Dense", "q: Dense"],
        [(0, 3), (1, 2), (2, 3), (3, 4), (3, 5)],
    ),
    (shared, ["x", "Dense", "Dense"], [(0, 1), (1, 2)]),
    (nested, ["x", "body.0: Dense", "body.1: Dense", "Dense"], [(0, 1), (1, 2), (2, 3)]),
    (images, ["x", "Conv2D", "MaxPool2D", "Flatten", "Dense"], [(0, 1), (1, 2), (2, 3), (3, 4)]),
    (
        own,
        ["x", "inner.0: Dense gelu", "inner.1: Dense", "+", "norm: BatchNorm", "×"],
        [(0, 1), (0, 3), (1, 2), (2, 3), (3, 4), (4, 5)],
    ),
    (
        residual,
        ["x", "0.inner: Dense relu", "+", "1.inner: Dense relu", "+", "Dense"],
        [(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4), (4, 5)],
    ),
    (
        fan,
        ["pixels", *(f"branch{i}: Dense" for i in range(4)), "concat", "Dense"],
        [(0, i) for i in range(1, 6)] + [(i, 5) for i in range(1, 5)] + [(5, 6)],
    ),
]


@pytest.mark.parametrize(("make", "titles", "edges"), CASES, ids=[c[0].__name__ for c in CASES])
def test_layers_and_how_they_are_joined(make, titles, edges):
    drawing = make().draw()
    nodes = drawing.nodes
    assert sorted(n.title for n in nodes) == sorted(titles)
    order = {id(n): i for i, n in enumerate(nodes)}
    found = {(nodes[order[id(s)]].title, n.title) for n in nodes for s in n.sources}
    assert sum(len(n.sources) for n in nodes) == len(edges)
    assert found == {(titles[a], titles[b]) for a, b in edges}


@pytest.mark.parametrize("make", [c[0] for c in CASES], ids=[c[0].__name__ for c in CASES])
def test_the_picture_is_svg_in_which_nothing_overlaps(make):
    drawing = make().draw()
    root = ET.fromstring(drawing.svg)
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = [
        tuple(float(r.get(k)) for k in ("x", "y", "width", "height"))
        for r in root.findall(f"{SVG}rect")[1:]
    ]
    assert len(boxes) == len(drawing.nodes)
    for i, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height
        for u, v, s, t in boxes[:i]:
            assert x >= u + s or u >= x + w or y >= v + t or v >= y + h
    words = [t.text for t in root.findall(f"{SVG}text")]
    assert all(n.title in words for n in drawing.nodes)
    paths = [p for p in root.findall(f"{SVG}path") if p.get("marker-end")]
    assert len(paths) == sum(len(n.sources) for n in drawing.nodes)


@pytest.mark.parametrize("make", [c[0] for c in CASES], ids=[c[0].__name__ for c in CASES])
def test_a_model_from_a_file_is_drawn(make, tmp_path):
    model = make()
    model.save(tmp_path / "m.safetensors")
    drawing = gd.load(tmp_path / "m.safetensors").draw(tmp_path / "m.svg")
    ET.parse(tmp_path / "m.svg")
    count = sum(p.size for p in model._engine.network().parameters)
    shown = [n.detail for n in drawing.nodes if n.kind in ("learns", "output")]
    assert shown and count > 0


def test_edges_lead_from_above_to_below():
    rng = np.random.default_rng(0)
    for _ in range(20):
        n = int(rng.integers(2, 30))
        edges = sorted(
            {(int(rng.integers(0, b)), b) for b in range(1, n) for _ in range(3)},
            key=lambda e: e[1],
        )
        sizes = [(float(rng.uniform(20, 150)), float(rng.uniform(20, 50))) for _ in range(n)]
        layout = arrange(sizes, edges)
        for (a, b), path in zip(edges, layout.edges, strict=True):
            assert layout.places[a][1] < layout.places[b][1]
            downs = [y for _, y in path]
            assert downs == sorted(downs)
        for i in range(n):
            for j in range(i):
                (x, y), (u, v) = layout.places[i], layout.places[j]
                apart = abs(x - u) >= (sizes[i][0] + sizes[j][0]) / 2
                assert apart or abs(y - v) >= (sizes[i][1] + sizes[j][1]) / 2


def test_a_chain_is_straight():
    layout = arrange([(50.0 + i, 30.0) for i in range(9)], [(i, i + 1) for i in range(8)])
    assert len({round(x, 6) for x, _ in layout.places}) == 1


def test_words_are_escaped(tmp_path):
    x = gd.Input(3, name="a<b & c")
    drawing = gd.Model(x, gd.Dense(2)(x)).draw()
    ET.fromstring(drawing.svg)
    assert "a&lt;b &amp; c" in drawing._repr_svg_()


def test_where_it_is_written(tmp_path):
    model = sequential()
    assert (model.draw(tmp_path / "a.SVG").svg) == (tmp_path / "a.SVG").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.png: a drawing is written as \.svg"):
        model.draw(tmp_path / "a.png")
    with pytest.raises(ValueError, match="input is not known yet"):
        gd.Sequential([gd.Dense(3)]).draw()


# --- notebooks ---------------------------------------------------------------------


def test_what_notebooks_show():
    model = sequential().compile("adam", "mse", ["mae"])
    x = np.ones((8, 6), np.float32)
    history = model.fit(x, x[:, :2], epochs=2, validation_split=0.25, seed=0, verbose=0)
    html = history._repr_html_()
    for word in ("loss", "val_loss", "mae", "val_mae", "lr", "History of 2 epochs", "<svg"):
        assert word in html
    assert ET.fromstring(f"<div>{html}</div>") is not None
    assert escape(model.summary().splitlines()[0]) in model._repr_html_()
    plan = model.plan._repr_html_()
    assert ET.fromstring(plan).text == str(model.plan)
    report = gd.diagnostics.diagnose(model, x, x[:, :2])._repr_html_()
    assert ET.fromstring(f"<div>{report}</div>") is not None
    assert "verdict" in report
    assert "input is not known yet" in gd.Sequential([gd.Dense(3)])._repr_html_()


def test_tables_and_sparklines():
    assert escape("<a & b>") == "&lt;a &amp; b&gt;"
    table = ET.fromstring(table_html([("a", "b"), (), ("1", "<2>")], "<>", "title"))
    assert [row[1].text for row in table.findall("tr")] == ["b", "<2>"]
    assert sparkline([[float("nan")]]) == ""
    drawn = ET.fromstring(sparkline([[1.0, float("inf"), 3.0, 2.0], [2.0, 2.0]]))
    first, second = drawn.findall(f"{SVG}path")
    assert first.get("d").count("M") == 2
    assert second.get("d").count("L") == 1
