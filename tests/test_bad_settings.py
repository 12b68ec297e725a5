"""Names, settings and functions that cannot be: refused in a line that says how to mend it."""

import numpy as np
import pytest
from refusals import ROWS, X, Y, built, network, one_line, pattern

import gdcore as gd


class Nameless(gd.schedules.Schedule):
    """A schedule of one's own that has no lr."""

    def at(self, t):
        return 0.5**t


def trained(optimizer):
    return network().compile(optimizer, "cross_entropy").fit(X, Y, verbose=0)


SETTINGS = {
    "optimizer": (
        lambda: network().compile("adm", "mse"),
        ValueError,
        "unknown optimizer 'adm': did you mean 'adam'? known: sgd, adam",
    ),
    "optimizer number": (
        lambda: network().compile(3, "mse"),
        TypeError,
        "optimizer 3: expected a name or an optimizer",
    ),
    "loss": (
        lambda: network().compile("adam", "cros_entropy"),
        ValueError,
        "unknown loss 'cros_entropy': did you mean 'cross_entropy'",
    ),
    "no loss": (
        lambda: network().compile("adam"),
        ValueError,
        "compile needs a loss: a name such as 'mse'",
    ),
    "loss number": (
        lambda: network().compile("adam", 3),
        TypeError,
        "loss 3: expected a name, a loss, or a function",
    ),
    "metric": (
        lambda: network().compile("adam", "mse", metrics=["acuracy"]),
        ValueError,
        "unknown metric 'acuracy': did you mean 'accuracy'",
    ),
    "metric number": (
        lambda: network().compile("adam", "mse", metrics=[3]),
        TypeError,
        "metric must be a name.*got int",
    ),
    "activation": (
        lambda: gd.Dense(3, activation="rellu"),
        ValueError,
        "unknown activation 'rellu': did you mean 'relu'",
    ),
    "activation number": (
        lambda: gd.Dense(3, activation=3),
        TypeError,
        "activation 3: expected a name, a function",
    ),
    "initializer": (
        lambda: built(gd.Dense(3, kernel_initializer="he_norml")),
        ValueError,
        "unknown initializer 'he_norml': did you mean 'he_normal'",
    ),
    "initializer object": (
        lambda: built(gd.Dense(3, kernel_initializer=object())),
        TypeError,
        "initializer must be a name, a number",
    ),
    "initializer shape": (
        lambda: built(gd.Dense(3, kernel_initializer=lambda shape, _: np.ones(7))),
        ValueError,
        "initializer returned shape (7,), expected (5, 3)",
    ),
    "initializer NaN": (
        lambda: built(gd.Dense(3, kernel_initializer=lambda shape, _: np.full(shape, np.nan))),
        ValueError,
        "'0.kernel'.*not finite",
    ),
    **{
        f"dtype {d!r}": (
            lambda d=d: network().compile("adam", "mse", dtype=d),
            ValueError,
            f"compile dtype={d!r}: expected 'float32' or 'float64'",
        )
        for d in ("float16", "foo", None)
    },
    "loss_weights": (
        lambda: network().compile("adam", "mse", loss_weights=[1, 2]),
        ValueError,
        "1 losses and 2 loss_weights",
    ),
    **{
        f"loss_weights {w}": (
            lambda w=w: network().compile("adam", "mse", loss_weights=[w]),
            ValueError,
            f"compile loss_weights hold {w}: expected numbers of at least 0",
        )
        for w in (-1.0, float("inf"), float("nan"))
    },
    "one name for two outputs": (
        lambda: gd.Model(x := gd.Input(2), {1: x * 1.0, "1": x * 2.0}).predict([[1, 2]]),
        ValueError,
        "names its outputs ['1', '1']: expected a name of its own for each",
    ),
    "learning rate": (
        lambda: gd.Adam(-1),
        ValueError,
        "lr must be finite and not negative, got -1",
    ),
    "learning rate NaN": (
        lambda: gd.SGD(float("nan")),
        ValueError,
        "lr must be finite and not negative, got nan",
    ),
    "learning rate text": (
        lambda: gd.Adam("fast"),
        TypeError,
        "learning rate must be a number or a schedule, got str",
    ),
    "clip": (
        lambda: gd.Adam(clip_norm=-1),
        ValueError,
        "Adam clip_norm=-1: expected a number of at least 0",
    ),
    "no_decay": (
        lambda: gd.Adam(no_decay="biases"),
        ValueError,
        "no_decay='biases': expected None or 'biases_and_norms'",
    ),
    "group": (
        lambda: gd.Adam(groups=[{"match": "*", "learning": 1}]),
        ValueError,
        "optimizer group.*expected 'match'",
    ),
    **{
        f"group {given!r}": (
            lambda given=given: gd.Adam(groups=[{"match": "*", **given}]),
            kind,
            f"optimizer group .*{words}",
        )
        for given, kind, words in (
            ({"lr": -1}, ValueError, "lr must be finite and not negative, got -1"),
            ({"lr": float("nan")}, ValueError, "lr must be finite and not negative, got nan"),
            ({"lr": "fast"}, TypeError, "a learning rate must be a number or a schedule"),
            ({"lr": gd.schedules.ReduceOnPlateau(0.1)}, TypeError, "a schedule of the step"),
            ({"weight_decay": -1}, ValueError, "'weight_decay' must be a number of at least 0"),
            ({"weight_decay": "a"}, ValueError, "'weight_decay' must be a number of at least 0"),
            ({"match": 3}, TypeError, "'match' must be a pattern of names"),
        )
    },
    "groups": (
        lambda: gd.Adam(groups={"match": "*", "lr": 1}),
        TypeError,
        "optimizer groups=.*expected a list such as",
    ),
    "group without a base": (
        lambda: gd.Adam(gd.schedules.Cosine(0.0, 10), groups=[{"match": "*", "lr": 0.1}]),
        ValueError,
        "lr=0.1 follows the optimizer's schedule.*Cosine has 0.0: give",
    ),
    "schedule without a base": (
        lambda: setattr(gd.Adam(groups=[{"match": "*", "lr": 0.1}]), "lr", Nameless()),
        ValueError,
        "lr=0.1 follows the optimizer's schedule.*Nameless has None: give",
    ),
    "group that fits nothing": (
        lambda: trained(gd.SGD(groups=[{"match": "0.kernal", "lr": 0.1}])),
        ValueError,
        "'match'='0.kernal' fits no parameter.*did you mean '0.kernel'",
    ),
    "group that decays nothing": (
        lambda: trained(
            gd.SGD(no_decay="biases_and_norms", groups=[{"match": "*.bias", "weight_decay": 0.1}])
        ),
        ValueError,
        "fits only biases and norms",
    ),
    "nesterov": (lambda: gd.SGD(nesterov=True), ValueError, "needs momentum"),
    **{
        f"units {u!r}": (
            lambda u=u: gd.Dense(u),
            ValueError,
            f"Dense units={u!r}: expected a whole number of at least 1",
        )
        for u in (0, -3, 2.5, "a", True, None)
    },
    **{
        f"dropout {r!r}": (
            lambda r=r: gd.Dropout(r),
            ValueError,
            f"Dropout rate={r!r}: expected at least 0 and below 1",
        )
        for r in (1.0, -0.1, float("nan"), "a")
    },
    "batch norm": (
        lambda: gd.BatchNorm(momentum=2),
        ValueError,
        "BatchNorm momentum=2: expected 0 to 1",
    ),
    "noise": (
        lambda: gd.GaussianNoise(-1),
        ValueError,
        "GaussianNoise std=-1: expected at least 0",
    ),
    "scale": (
        lambda: gd.Rescaling(float("nan")),
        ValueError,
        "Rescaling scale=nan: expected a finite number",
    ),
    **{
        f"input {s!r}": (
            lambda s=s: gd.Input(s),
            ValueError,
            "Input shape=.*expected whole sizes of at least 1, without the batch",
        )
        for s in (0, (3, -1), 2.5, "a", None)
    },
    "input dtype": (
        lambda: gd.Input(3, dtype="float32"),
        ValueError,
        "Input dtype='float32': expected 'real' or 'int'",
    ),
    "a class for a layer": (
        lambda: gd.Sequential([gd.Dense]),
        TypeError,
        "item 0 is .*expected a layer (an instance, not the class)",
    ),
    "a function for a layer": (
        lambda: gd.Sequential([abs]),
        TypeError,
        "item 0 is .*wrap a function in gd.Activation",
    ),
    "no list": (
        lambda: gd.Sequential(gd.Dense(3), gd.Dense(2)),
        TypeError,
        "Sequential got Dense: expected a list",
    ),
    "nothing": (lambda: gd.Sequential(None), TypeError, "Sequential got NoneType: expected a list"),
    "label smoothing": (
        lambda: gd.losses.CrossEntropy(label_smoothing=1.0),
        ValueError,
        "label_smoothing=1.0: expected at least 0 and below 1",
    ),
    "patience": (
        lambda: gd.EarlyStopping(patience=-1),
        ValueError,
        "patience=-1: expected at least 0",
    ),
    "mode": (
        lambda: gd.EarlyStopping(mode="up"),
        ValueError,
        "mode='up': expected 'auto', 'min' or 'max'",
    ),
    **{
        f"threads {n!r}": (
            lambda n=n: gd.set_num_threads(n),
            ValueError,
            f"set_num_threads({n!r}): expected a whole number from 1 to 1024",
        )
        for n in (0, -1, 2.0, "a", True, 1025)
    },
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name):
    action, error, words = SETTINGS[name]
    with pytest.raises(error, match=pattern(words)) as caught:
        action()
    one_line(caught.value)


NOT_COMPILED = {
    "fit": lambda m: m.fit(X, Y),
    "evaluate": lambda m: m.evaluate(X, Y),
    "train_on_batch": lambda m: m.train_on_batch(X, Y),
    "gradients": lambda m: m.gradients(X, Y),
    "predict_proba": lambda m: m.predict_proba(X),
}


@pytest.mark.parametrize("what", NOT_COMPILED)
def test_not_compiled(what):
    with pytest.raises(ValueError, match="the model is not compiled") as caught:
        NOT_COMPILED[what](network())
    one_line(caught.value)


def test_input_not_known_yet():
    with pytest.raises(
        ValueError,
        match=r"input is not known yet: call fit or predict with data, or begin.*gd\.Input",
    ):
        gd.Sequential([gd.Dense(3)]).get_weights()


def test_no_probabilities():
    model = gd.Sequential([gd.Dense(1)]).compile("sgd", "mse")
    with pytest.raises(
        ValueError,
        match="'mse' takes the output for regression, not for probabilities: use predict",
    ):
        model.predict_proba(X)


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="module 'gdcore' has no attribute 'Sequentail'"):
        gd.Sequentail  # noqa: B018


# --- what cannot be traced ---------------------------------------------------------


class Branch(gd.Layer):
    def forward(self, x):
        return x if gd.ops.mean(x) > 0 else -x


TRACED = {
    "branch": (lambda: built(Branch()), TypeError, "a branch on the traced value.*gd.ops.where"),
    "float": (
        lambda: built(gd.Activation(lambda x: float(gd.ops.mean(x)))),
        TypeError,
        "float.* of the traced value",
    ),
    "loop over rows": (
        lambda: built(gd.Activation(lambda x: next(iter(x)))),
        TypeError,
        "first dimension is known only when a step runs",
    ),
    "layer on data": (
        lambda: gd.Dense(3)(X),
        TypeError,
        "Dense was called with ndarray: a layer takes traced values.*predict",
    ),
    "returns a number": (
        lambda: built(gd.Activation(lambda x: 3)),
        TypeError,
        "returned int: expected a traced value",
    ),
    "returns a scalar": (
        lambda: built(gd.Activation(gd.ops.mean)),
        ValueError,
        "expected the batch first",
    ),
    "no forward": (lambda: built(gd.Layer()), TypeError, "Layer has no forward"),
    "shapes": (
        lambda: built(gd.Activation(lambda x: x + np.ones(4))),
        ValueError,
        "do not go together: dimension -1 is",
    ),
    "loss returns a number": (
        lambda: network().compile("sgd", lambda p, t: 3.0).fit(X, np.eye(3)[Y]),
        TypeError,
        "returned float: expected a traced value",
    ),
    "loss of wrong shape": (
        lambda: network().compile("sgd", lambda p, t: p - t).fit(X, np.eye(3)[Y]),
        ValueError,
        "expected a scalar, or one number for each sample",
    ),
    "scalar loss with weights": (
        lambda: (
            network()
            .compile("sgd", lambda p, t: gd.ops.mean(p - t))
            .fit(X, np.eye(3)[Y], sample_weight=np.ones(ROWS))
        ),
        ValueError,
        "returns a scalar, so samples cannot be weighted",
    ),
    "shared by two widths": (lambda: built(Shared()), ValueError, "use a layer for each"),
}


class Shared(gd.Layer):
    def __init__(self):
        self.inner = gd.Dense(3)

    def forward(self, x):
        return self.inner(self.inner(x))


@pytest.mark.parametrize("name", TRACED)
def test_traced(name):
    action, error, words = TRACED[name]
    with pytest.raises(error, match=words) as caught:
        action()
    one_line(caught.value)
