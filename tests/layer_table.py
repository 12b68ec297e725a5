"""Every layer with its inputs, beside a formula: the table over which tests of layers go."""

import inspect
import math
from functools import partial
from itertools import product

import numpy as np
import numpy_layers as reference
from by_reference import layer_formula
from layer_cases import IMAGE_CASES, Case, plain

import gdcore as gd
from gdcore import layers


def trained_bn(xs, ws):
    return reference.batch_norm(xs[0], ws[0], ws[1])


def predicted_bn(xs, ws):
    return reference.batch_norm(xs[0], *ws)


def conv(filters, size, channels=3, image=(7, 6), **options):
    spread = {
        k: v if isinstance(v, str) else tuple(np.broadcast_to(v, 2).tolist())
        for k, v in options.items()
    }
    formula = plain(partial(reference.conv2d, **spread))
    return Case(lambda: gd.Conv2D(filters, size, **options), ((*image, channels),), formula)


class Counting(gd.Layer):
    """A cell with two states, whose output is neither."""

    state_size = (2, 1)

    def forward(self, x, h, n):
        w, u = self.param("w", (x.shape[-1], 2)), self.param("u", (2, 2))
        h, n = gd.ops.tanh(x @ w + h @ u), n + 1.0
        return gd.ops.concatenate([h * n, n], axis=1), (h, n)


def counted(x, w, u):
    h, steps = np.zeros((len(x), 2)), x.shape[1]
    for t in range(steps):
        h = np.tanh(x[:, t] @ w + h @ u)
    return np.concatenate([h * steps, np.full((len(x), 1), float(steps))], axis=1)


class Unmasked(gd.Layer):
    """Masking, for a loss that gives one number."""

    def __init__(self):
        self.masking = gd.Masking()

    def forward(self, x):
        return gd.ops.drop_mask(self.masking(x))


def peeping(xs, ws):
    kernel, recurrent, bias, peepholes = ws
    return reference.lstm(xs[0], kernel, recurrent, bias, peepholes)


def traced(make, shapes, numbers=0):
    """A case whose formula is that of the ops' references."""
    case = Case(make, shapes, None, numbers=numbers)
    case.formula = layer_formula(lambda: network(case), training=False)
    return case


class Called:
    """A layer that is called in another way than with its inputs: a function of them does."""

    def __init__(self, layer, call):
        self.layer, self.call = layer, call

    def __call__(self, inputs):
        return self.call(self.layer, inputs)


def several(layer):
    """A layer that takes its inputs one by one."""
    return Called(layer, lambda layer, inputs: layer(*inputs))


def alone(layer):
    """A layer whose variables are named by kind: in the order in which the graph reads them."""
    return Called(layer, lambda layer, x: layer(x))


def tied():
    table = gd.Embedding(4, 2)
    return Called(gd.TiedDense(table, use_bias=True), lambda layer, x: layer(table(x)))


CASES = {
    "Dense": Case(lambda: gd.Dense(5), ((3,),), plain(reference.dense)),
    "Dense-one": Case(lambda: gd.Dense(1), ((1,),), plain(reference.dense)),
    "Dense-odd": Case(lambda: gd.Dense(33), ((17,),), plain(reference.dense)),
    "Dense-wide": Case(lambda: gd.Dense(65), ((129,),), plain(reference.dense)),
    "Dense-no-bias": Case(lambda: gd.Dense(4, use_bias=False), ((7,),), plain(reference.dense)),
    "Dense-3d": Case(lambda: gd.Dense(5), ((4, 3),), plain(reference.dense)),
    "Dense-4d": Case(lambda: gd.Dense(3), ((2, 3, 7),), plain(reference.dense)),
    "Embedding": Case(lambda: gd.Embedding(7, 3), ((5,),), lambda xs, ws: ws[0][xs[0]], numbers=7),
    "Embedding-of-one": Case(
        lambda: gd.Embedding(4, 17), ((),), lambda xs, ws: ws[0][xs[0]], numbers=4
    ),
    "Embedding-2d": Case(
        lambda: gd.Embedding(3, 5), ((4, 2),), lambda xs, ws: ws[0][xs[0]], numbers=3
    ),
    "EmbeddingBag": Case(
        lambda: gd.EmbeddingBag(7, 3), ((5,),), lambda xs, ws: ws[0][xs[0]].mean(-2), numbers=7
    ),
    "EmbeddingBag-sum": Case(
        lambda: gd.EmbeddingBag(7, 70, "sum", padding_index=2),
        ((2, 5),),
        lambda xs, ws: (ws[0][xs[0]] * (xs[0] != 2)[..., None]).sum(-2),
        numbers=7,
    ),
    "EmbeddingBag-mean": Case(
        lambda: gd.EmbeddingBag(3, 1, padding_index=2),
        ((9,),),
        lambda xs, ws: (
            (ws[0][xs[0]] * (xs[0] != 2)[..., None]).sum(-2)
            / np.maximum((xs[0] != 2).sum(-1, keepdims=True), 1)
        ),
        numbers=3,
    ),
    "EmbeddingBag-max": Case(
        lambda: gd.EmbeddingBag(7, 3, "max"),
        ((5,),),
        lambda xs, ws: ws[0][xs[0]].max(-2),
        numbers=7,
    ),
    "LayerNorm": Case(lambda: gd.LayerNorm(), ((7,),), plain(reference.layer_norm)),
    "LayerNorm-wide": Case(
        lambda: gd.LayerNorm(epsilon=1e-5),
        ((65,),),
        plain(partial(reference.layer_norm, epsilon=1e-5)),
    ),
    "LayerNorm-3d": Case(lambda: gd.LayerNorm(), ((4, 5),), plain(reference.layer_norm)),
    "LayerNorm-plain": Case(
        lambda: gd.LayerNorm(center=False, scale=False), ((5,),), plain(reference.layer_norm)
    ),
    "BatchNorm": Case(lambda: gd.BatchNorm(), ((7,),), predicted_bn, trained_bn),
    "BatchNorm-wide": Case(
        lambda: gd.BatchNorm(epsilon=1e-2),
        ((33,),),
        lambda xs, ws: reference.batch_norm(*xs, *ws, 1e-2),
        lambda xs, ws: reference.batch_norm(*xs, *ws[:2], epsilon=1e-2),
    ),
    "BatchNorm-image": Case(lambda: gd.BatchNorm(), ((3, 2, 5),), predicted_bn, trained_bn),
    "BatchNorm-plain": Case(
        lambda: gd.BatchNorm(center=False, scale=False),
        ((3,),),
        lambda xs, ws: reference.batch_norm(xs[0], mean=ws[0], var=ws[1]),
        lambda xs, ws: reference.batch_norm(xs[0]),
    ),
    "Conv2D": conv(4, 3),
    "Conv2D-same": conv(5, (2, 3), padding="same"),
    "Conv2D-strides": conv(2, 3, strides=(2, 3)),
    "Conv2D-same-strides": conv(3, 3, strides=2, padding="same"),
    "Conv2D-dilation": conv(2, (2, 3), dilation=(3, 2)),
    "Conv2D-same-all": conv(
        2, 3, channels=1, image=(9, 8), strides=(2, 1), dilation=2, padding="same"
    ),
    "Conv2D-pixel": conv(9, 1, channels=5, image=(3, 3)),
    "Conv2D-no-bias": Case(
        lambda: gd.Conv2D(3, 2, use_bias=False), ((4, 4, 2),), plain(reference.conv2d)
    ),
    **IMAGE_CASES,
    "LSTM": Case(lambda: gd.LSTM(4), ((5, 3),), plain(reference.lstm)),
    "LSTM-sequences": Case(
        lambda: gd.LSTM(3, return_sequences=True),
        ((4, 5),),
        plain(partial(reference.lstm, return_sequences=True)),
    ),
    "LSTM-one-step": Case(lambda: gd.LSTM(17), ((1, 2),), plain(reference.lstm)),
    "LSTM-peepholes": Case(lambda: gd.LSTM(3, peepholes=True), ((4, 2),), peeping),
    "LSTM-layer-norm": Case(
        lambda: gd.LSTM(3, layer_norm=True), ((2, 2),), plain(reference.normed_lstm)
    ),
    "LSTM-backwards": Case(
        lambda: gd.LSTM(3, return_sequences=True, go_backwards=True, use_bias=False),
        ((4, 2),),
        plain(partial(reference.lstm, return_sequences=True, backwards=True)),
    ),
    "GRU": Case(lambda: gd.GRU(4), ((5, 3),), plain(reference.gru)),
    "GRU-before": Case(
        lambda: gd.GRU(3, return_sequences=True, reset_after=False),
        ((4, 5),),
        plain(partial(reference.gru, reset_after=False, return_sequences=True)),
    ),
    "SimpleRNN": Case(lambda: gd.SimpleRNN(4), ((5, 3),), plain(reference.simple_rnn)),
    "RNN": Case(lambda: gd.RNN(Counting()), ((4, 3),), lambda xs, ws: counted(xs[0], *ws)),
    "Bidirectional": Case(
        lambda: gd.Bidirectional(gd.LSTM(3, return_sequences=True)),
        ((4, 2),),
        plain(partial(reference.both_ways(reference.lstm), return_sequences=True)),
    ),
    "TimeDistributed": Case(
        lambda: gd.TimeDistributed(gd.Dense(3)), ((4, 2),), plain(reference.dense)
    ),
    "Masking": Case(Unmasked, ((4, 2),), lambda xs, ws: xs[0]),
    "MultiHeadAttention-grouped": traced(
        lambda: gd.MultiHeadAttention(2, 2, kv_heads=1, causal=True, rotary=True, relative=2),
        ((3, 2),),
    ),
    "MultiHeadAttention-cross": traced(
        lambda: several(gd.MultiHeadAttention(1, relative=1)), ((2, 2), (3, 1))
    ),
    "TransformerEncoder": traced(
        lambda: alone(gd.TransformerEncoder(1, 1, norm_first=True, use_bias=False)), ((2, 2),)
    ),
    "TransformerDecoder": traced(
        lambda: alone(gd.TransformerDecoder(1, 1, use_bias=False)), ((2, 2),)
    ),
    "PositionalEncoding-learned": traced(
        lambda: gd.PositionalEncoding("learned", steps=3), ((2, 3),)
    ),
    "AdditiveAttention": traced(lambda: several(gd.AdditiveAttention(2)), ((2,), (3, 1))),
    "TiedDense": traced(tied, ((3,),), numbers=4),
    "Flatten": Case(
        lambda: gd.Flatten(), ((3, 2, 2),), lambda xs, ws: xs[0].reshape(len(xs[0]), -1)
    ),
    "Reshape": Case(
        lambda: gd.Reshape((2, -1, 3)), ((12,),), lambda xs, ws: xs[0].reshape(-1, 2, 2, 3)
    ),
    "Add": Case(lambda: gd.Add(), ((7,), (7,), (7,)), lambda xs, ws: sum(xs)),
    "Concatenate": Case(
        lambda: gd.Concatenate(), ((3,), (1,), (5,)), lambda xs, ws: np.concatenate(xs, -1)
    ),
    "Concatenate-axis": Case(
        lambda: gd.Concatenate(axis=1), ((2, 3), (4, 3)), lambda xs, ws: np.concatenate(xs, 1)
    ),
    "Dropout": Case(lambda: gd.Dropout(0.5), ((9,),), lambda xs, ws: xs[0]),
    "GaussianNoise": Case(lambda: gd.GaussianNoise(0.5), ((9,),), lambda xs, ws: xs[0]),
    "Rescaling-each": Case(
        lambda: gd.Rescaling([0.5, 2.0, -1.0], [0.0, 1.0, 3.0]),
        ((5, 3),),
        lambda xs, ws: xs[0] * [0.5, 2.0, -1.0] + [0.0, 1.0, 3.0],
    ),
    "Rescaling": Case(lambda: gd.Rescaling(0.5, -1.0), ((9,),), lambda xs, ws: xs[0] * 0.5 - 1.0),
}
EDGES = [[-1.0, -0.2, 0.3, 1.0], [-0.5, 0.5], [0.0, 0.1, 2.0]]
CASES |= {
    "Dense-ntk": Case(
        lambda: gd.Dense(5, ntk=True),
        ((7,),),
        plain(lambda x, w, b: reference.dense(x, w / math.sqrt(7), b)),
    ),
    "OneHot": Case(
        lambda: gd.OneHot(3, first=1), ((4,),), lambda xs, ws: np.eye(6)[xs[0]][..., 1:4], numbers=6
    ),
    "Scale": Case(lambda: gd.Scale(), ((4, 5),), plain(np.multiply)),
    "ParametricActivation": Case(
        lambda: gd.ParametricActivation("silu"),
        ((9,),),
        plain(lambda x, a: (1 - a) * x + a * reference.ACTIVATION["silu"](x)),
    ),
    "PeriodicEmbedding": Case(
        lambda: gd.PeriodicEmbedding(3, frequencies=5),
        ((4,),),
        plain(reference.periodic_embedding),
    ),
    "PiecewiseLinearEmbedding": Case(
        lambda: gd.PiecewiseLinearEmbedding(EDGES, 5),
        ((3,),),
        plain(partial(reference.piecewise_linear_embedding, EDGES)),
    ),
    "MemberDense": Case(lambda: gd.MemberDense(6, 3), ((3, 5),), plain(reference.member_dense)),
    "MemberDense-first": Case(
        lambda: gd.MemberDense(6, 3, signs=True),
        ((5,),),
        plain(lambda x, *ws: reference.member_dense(np.stack([x] * 3, 1), *ws)),
    ),
    "MemberDense-apart": Case(
        lambda: gd.MemberDense(2, 3, shared=False),
        ((3, 5),),
        plain(lambda x, b, w: np.einsum("bkn,knu->bku", x, w) + b),
    ),
    "MemberAverage": Case(lambda: gd.MemberAverage(), ((3, 5),), lambda xs, ws: xs[0].mean(1)),
    "MemberAverage-softmax": Case(
        lambda: gd.MemberAverage("softmax"),
        ((3, 5),),
        lambda xs, ws: np.log(reference.softmax(xs[0]).mean(1)),
    ),
    "MemberAverage-sigmoid": Case(
        lambda: gd.MemberAverage("sigmoid"),
        ((3, 2),),
        lambda xs, ws: (lambda p: np.log(p / (1 - p)))(reference.sigmoid(xs[0]).mean(1)),
    ),
}
for kind, function in reference.ACTIVATION.items():
    CASES[f"Activation-{kind}"] = Case(partial(gd.Activation, kind), ((37,),), plain(function))
    CASES[f"Dense-{kind}"] = Case(
        partial(gd.Dense, 9, kind), ((5,),), lambda xs, ws, f=function: f(reference.dense(*xs, *ws))
    )
RANDOM = {
    "Dropout",
    "DropPath",
    "GaussianNoise",
    "SpatialDropout",
}  # their training is looked at in test_noise_and_norms


def network(case, dtype="float64"):
    """The layer alone as a model."""
    leaves = [
        gd.Input(s, name=f"x{i}", dtype="int" if case.numbers else "real")
        for i, s in enumerate(case.shapes)
    ]
    layer = case.make()
    model = gd.Model(leaves, layer(leaves) if len(leaves) > 1 else layer(leaves[0]))
    return model.compile(
        optimizer="sgd", loss=lambda pred, factor: gd.ops.sum(pred * factor), dtype=dtype
    )


SHAPES = [
    ((6,),),
    ((4, 6),),
    ((6, 5, 2),),
    ((4, 5, 3, 2),),
    ((6,), (6,)),
    ((4,),),
]  # the last one of whole numbers


def found_case(kind):
    """The case of a layer that is not in the table: the first setting and inputs that it takes."""
    needed = [
        p
        for p in inspect.signature(kind).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    refusals = []
    for setting, (i, shapes) in product((3, 0.5, (3,)), enumerate(SHAPES)):
        make = partial(kind, *[setting] * len(needed))
        case = Case(make, shapes, None, numbers=3 if i == len(SHAPES) - 1 else 0)
        try:
            network(case)._engine.network()
        except (TypeError, ValueError) as error:
            refusals.append(str(error))
            continue
        case.formula = layer_formula(partial(network, case), training=False)
        case.training = layer_formula(partial(network, case), training=True)
        return case
    raise AssertionError(f"write a case for {kind.__name__} into CASES: {refusals}")


for kind in sorted(set(layers.__all__) - {"Input", "Layer"} - {n.split("-")[0] for n in CASES}):
    CASES[kind] = found_case(getattr(layers, kind))


def data(case, rows, seed=0):
    """Inputs and weights of a model; exact in float32."""
    rng = np.random.default_rng(seed)
    if case.numbers:
        return [rng.integers(0, case.numbers, (rows, *s)) for s in case.shapes]
    return [rng.normal(size=(rows, *s)).astype(np.float32).astype(np.float64) for s in case.shapes]


def set_random_weights(model, seed=1):
    rng = np.random.default_rng(seed)
    state = model.state_dict()
    for name, w in state.items():
        drawn = (
            rng.uniform(0.5, 2, w.shape)
            if name.endswith("running_var")
            else rng.normal(size=w.shape) * 0.7
        )
        state[name] = drawn.astype(np.float32).astype(np.float64)
    model.load_state_dict(state)
    return list(state.values())
