"""A model's table: layers, shapes, numbers of parameters, memory, floating-point operations."""

import copy
import pickle

import numpy as np
import pytest
from layer_table import CASES as LAYERS
from layer_table import network

import gdcore as gd
from gdcore.show.summary import amount, table


class Residual(gd.Model):
    """A model of one's own, with a parameter, a layer never called, and layers in layers."""

    def __init__(self, width):
        self.inner = gd.Sequential([gd.Dense(width, activation="gelu"), gd.Dense(width)])
        self.norm = gd.BatchNorm()
        self.unused = gd.Dense(3)

    def forward(self, x):
        return self.norm(x + self.inner(x)) * self.param("scale", x.shape[1:], "ones")


def sequential():
    return gd.Sequential(
        [gd.Input(6), gd.Dense(5, activation="relu"), gd.Dropout(0.5), gd.Dense(2)]
    )


def functional():
    x = gd.Input(6)
    h = gd.Dropout(0.3)(gd.Dense(5)(x))
    return gd.Model(x, gd.Dense(2, name="head")(gd.Add()([h, gd.Dense(5)(h)])))


def several():
    a, b = gd.Input(3, name="a"), gd.Input((2, 2), name="b")
    both = gd.Concatenate()([a, gd.Flatten()(b)])
    return gd.Model([a, b], {"p": gd.Dense(4, name="p")(both), "q": gd.Dense(1, name="q")(both)})


def shared():
    layer = gd.Dense(6)
    return gd.Sequential([gd.Input(6), layer, layer])


def nested():
    return gd.Sequential(
        [gd.Input(6), gd.Sequential([gd.Dense(3), gd.Dense(2)], name="body"), gd.Dense(1)]
    )


def images():
    return gd.Sequential(
        [gd.Input((8, 8, 1)), gd.Conv2D(4, 3), gd.MaxPool2D(2), gd.Flatten(), gd.Dense(10)]
    )


def own():
    model = Residual(4)
    model.predict(np.ones((1, 4), np.float32))
    return model


def rows(text):
    """The table's rows, split into cells."""
    lines = text.splitlines()
    rules = [i for i, line in enumerate(lines) if line.startswith("─")]
    return [tuple(line.split()) for line in lines[rules[0] + 1 : rules[1]]]


def work(found):
    """The sum of the rows' FLOPs."""
    return sum(int(row[-1].replace(",", "")) for row in found)


CASES = [
    (
        sequential,
        [
            ("0", "Dense", "B×5", "35", "70"),
            ("1", "Dropout", "B×5", "0", "0"),
            ("2", "Dense", "B×2", "12", "22"),
        ],
    ),
    (
        functional,
        [
            ("dense", "Dense", "B×5", "35", "65"),
            ("dropout", "Dropout", "B×5", "0", "0"),
            ("dense_1", "Dense", "B×5", "30", "55"),
            ("add", "Add", "B×5", "0", "5"),
            ("head", "Dense", "B×2", "12", "22"),
        ],
    ),
    (
        several,
        [
            ("flatten", "Flatten", "B×4", "0", "0"),
            ("concatenate", "Concatenate", "B×7", "0", "0"),
            ("p", "Dense", "B×4", "32", "60"),
            ("q", "Dense", "B×1", "8", "15"),
        ],
    ),
    (shared, [("0", "Dense", "B×6", "42", "156")]),
    (
        nested,
        [
            ("body.0", "Dense", "B×3", "21", "39"),
            ("body.1", "Dense", "B×2", "8", "14"),
            ("1", "Dense", "B×1", "3", "5"),
        ],
    ),
    (
        images,
        [
            ("0", "Conv2D", "B×6×6×4", "40", "2,736"),
            ("1", "MaxPool2D", "B×3×3×4", "0", "144"),
            ("2", "Flatten", "B×36", "0", "0"),
            ("3", "Dense", "B×10", "370", "730"),
        ],
    ),
    (
        own,
        [
            ("(model)", "Residual", "B×4", "4", "8"),
            ("inner.0", "Dense", "B×4", "20", "108"),
            ("inner.1", "Dense", "B×4", "20", "36"),
            ("norm", "BatchNorm", "B×4", "8", "28"),
            ("unused", "Dense", "not", "called", "0", "0"),
        ],
    ),
]


@pytest.mark.parametrize(("make", "expected"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_a_row_for_each_layer(make, expected):
    model = make()
    text = model.summary()
    assert rows(text) == expected
    count = sum(w.size for w in model.state_dict().values()) - sum(
        s.size for s in model._engine.network().states
    )
    assert f"parameters   {count:,} ({count:,} trainable, 0 frozen)" in text
    assert f"states       {sum(s.size for s in model._engine.network().states)}" in text
    assert "not compiled" in text
    assert f"prediction   {work(expected):,} FLOPs a sample" in text


@pytest.mark.parametrize(("make", "expected"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_a_loaded_model_is_grouped_by_the_names_of_its_parameters(make, expected, tmp_path):
    model = make()
    model.save(tmp_path / "m.safetensors")
    found = rows(gd.load(tmp_path / "m.safetensors").summary())
    parameters = {row[0]: row[-2] for row in expected if row[-2] != "0"}
    assert {row[0]: row[-2] for row in found} == parameters
    assert work(found) == work(expected)


# A sum over rows of a table is computed another way once a step is planned: as a bag.
@pytest.mark.parametrize("name", [n for n in LAYERS if not n.startswith("EmbeddingBag")])
def test_the_layers_work_adds_up_to_the_plan_s(name, tmp_path):
    traced = network(LAYERS[name])
    model = gd.Model(
        traced._engine.definition.inputs, traced._engine.definition.outputs
    )  # its loss is a lambda
    model.save(tmp_path / "m.safetensors")
    planned = model.plan.flops(1)
    copies = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    for same in (model, *copies, gd.load(tmp_path / "m.safetensors")):
        assert work(rows(same.summary())) == planned
        assert f"prediction   {planned:,} FLOPs a sample" in same.summary()


def test_work_between_layers_counts_to_the_layer_that_does_it():
    block = Residual(4)
    model = gd.Sequential([gd.Input(4), block, gd.Dense(2)])
    found = {row[0]: row[-1] for row in rows(model.summary())}
    alone = {row[0]: row[-1] for row in rows(own().summary())}
    assert found["0"] == alone["(model)"] == "8"  # a sum and a product of four
    assert found["0.inner.0"] == alone["inner.0"]
    x = gd.Input(4)
    text = gd.Model(x, x + 2.0 * gd.Dense(4)(x)).summary()
    assert rows(text) == [
        ("(model)", "Model", "B×4", "0", "8"),
        ("dense", "Dense", "B×4", "20", "36"),
    ]


def test_what_prediction_leaves_out_costs_nothing():
    layers = [gd.Input(4), gd.Rescaling(1 / 255), gd.Dropout(0.5), gd.GaussianNoise(0.1)]
    model = gd.Sequential([*layers, gd.Flatten(), gd.Dense(1)])
    assert [row[-1] for row in rows(model.summary())] == ["0", "0", "0", "0", "9"]


def test_looking_leaves_the_weights_to_the_seed():
    a, b = sequential(), sequential()
    a.summary()
    x, y = np.ones((8, 6), np.float32), np.ones((8, 2), np.float32)
    for model in (a, b):
        model.compile("sgd", "mse")
        model.summary()
        model.fit(x, y, seed=3)
    for name, w in a.state_dict().items():
        np.testing.assert_array_equal(w, b.state_dict()[name])


def test_before_any_data():
    model = gd.Sequential([gd.Dense(3), gd.Dense(2)])
    text = model.summary()
    assert rows(text) == [("0", "Dense", "?", "?", "?"), ("1", "Dense", "?", "?", "?")]
    assert "input is not known yet" in text.splitlines()[-1]


def test_frozen_parameters():
    model = sequential()
    model.layers[0].trainable = False
    text = model.summary()
    assert "parameters   47 (12 trainable, 35 frozen)" in text
    assert rows(text)[0] == ("0", "Dense", "B×5", "35", "frozen", "70")


def test_memory_and_work_of_a_step():
    model = sequential()
    model.compile("adam", "mse")
    assert "known once fit has seen the targets" in model.summary()
    model.fit(np.ones((20, 6), np.float32), np.ones((20, 2), np.float32), batch_size=10)
    text = model.summary()
    session = next(step.session for key, step in model._engine.steps.items() if key[0] == "train")
    assert f"{amount(session.nbytes)} of activations and staged data" in text
    assert f"{model.plan.flops(10):,} FLOPs for a step of 10 samples" in text
    assert (
        f"{amount(model._engine.parameters().nbytes)} of parameters, gradients, optimizer" in text
    )


def test_a_step_is_supposed_where_targets_are_known_and_none_was_made():
    model = sequential()
    model.compile("adam", "mse")
    model.evaluate(np.ones((4, 6), np.float32), np.ones((4, 2), np.float32))
    assert "FLOPs for a step of 32 samples" in model.summary()


def test_table():
    text = table([("a", "bcd"), ("long", "1"), ()], "<>")
    assert text.splitlines() == ["a     bcd", "────  ───", "long    1", "────  ───"]
    assert table([("a", "1")], "<>", header=False) == "a  1"


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (5 << 20, "5.0 MiB"),
        (2000 << 30, "2,000.0 GiB"),
    ],
)
def test_amounts(nbytes, text):
    assert amount(nbytes) == text


def test_prompts_and_notebooks_show_it_as_it_stands():
    shown = sequential().summary()
    assert isinstance(shown, str) and repr(shown) == str(shown) and shown.count("\n") > 5
    html = shown._repr_html_()
    assert html.startswith("<pre") and "Dense" in html and "\n" in html
    unknown = gd.Sequential([gd.Dense(3)]).summary()
    assert repr(unknown) == str(unknown)
