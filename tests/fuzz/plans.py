"""Plans, as if something else had made them: refused, or run within their buffers.

An input is the JSON of the instructions of a plan, of the bytes of its buffers and of the batch.
"""

import json

import numpy as np

import gdcore as gd
from gdcore import _core, runtime
from gdcore.engine.session import INPUTS, PACKED

from .mutate import NUMBERS
from .target import Target

GUARD = 4096  # bytes on both sides of each buffer
LARGEST = 1 << 22  # bytes of all buffers
MOST = 1 << 22  # of work, or one input would take minutes


def _models():
    x, image, i = gd.Input(3), gd.Input((5, 5, 1)), gd.Input((2,), dtype="int")
    folded = gd.Flatten()(gd.MaxPool2D(2)(gd.Conv2D(2, 2, activation="mish")(image)))
    turned = gd.ops.transpose(gd.ops.reshape(gd.Dense(8)(x), (-1, 2, 2, 2)), (0, 3, 2, 1))
    steps = gd.ops.reshape(gd.Dense(12)(x), (-1, 3, 4))
    attending = gd.MultiHeadAttention(2, kv_heads=1, causal=True, relative=1)(steps, mask=x)
    return [
        (gd.Model(x, gd.Dense(2)(gd.Flatten()(attending))), 3),
        (gd.Model(x, gd.Dense(2)(gd.Dropout(0.5)(gd.LayerNorm()(gd.Dense(4, "gelu")(x))))), 3),
        (gd.Model(image, gd.Dense(2)(folded)), (5, 5, 1)),
        (gd.Model(i, gd.Dense(2)(gd.Flatten()(gd.Embedding(5, 2)(i)))), 2),
        (gd.Model(x, gd.Dense(2)(gd.Flatten()(turned))), 3),
        (gd.Model(i, gd.Dense(2)(gd.EmbeddingBag(5, 3)(i))), 2),
    ]


def _seeds():
    out = []
    for model, shape in _models():
        model.compile(gd.Adam(sparse="exact"), "cross_entropy")
        x = np.zeros((3, *np.atleast_1d(shape)), np.int32 if shape == 2 else np.float32)
        model.train_on_batch(x, [0, 1, 1])
        model.predict(x)
        for step in model._engine.steps.values():
            session = step.session
            rooms = {0: session.arena.nbytes, 5: session.plan.constants.nbytes, 6: 1 << 12, 7: 64}
            rooms[PACKED] = session.plan.packed_bytes
            rooms |= {k: v.nbytes for k, v in model._engine.parameters().buffers.items()}
            rooms |= {INPUTS + k: s[3].nbytes for k, s in enumerate(session._stages())}
            out.append(
                json.dumps(
                    {
                        "instructions": [i.encoded() for i in session.plan.instructions],
                        "rooms": [rooms[k] for k in sorted(rooms)],
                        "batch": session.plan.batch,
                    }
                ).encode()
            )
    return out


def _number(rng, old):
    return rng.choice(
        (rng.choice(NUMBERS[:22]), old + rng.choice((-1, 1)), rng.randrange(9), old * 2)
    )


def _mutate_list(rng, numbers):
    """One number of a list changed, or an item more, or one less, or very many more."""
    at = rng.randrange(len(numbers)) if numbers else 0
    how = rng.randrange(10)
    if how == 0 and numbers:
        del numbers[at]
    elif how == 1 and numbers:
        numbers[at:at] = [numbers[at]] * rng.choice((1, 1, 9, 300))
    elif numbers and isinstance(numbers[at], list):
        part = rng.randrange(len(numbers[at]))
        numbers[at][part] = _number(rng, numbers[at][part])
    elif numbers and isinstance(numbers[at], int):
        numbers[at] = _number(rng, numbers[at])


def _mutate(rng, data, other):
    plan, another = json.loads(data), json.loads(other)
    for _ in range(1 + rng.randrange(3)):
        ins = rng.choice(plan["instructions"])
        ins = ins[5] if ins[5] and rng.random() < 0.5 else ins
        how = rng.randrange(12)
        if how == 0:
            ins[0] = rng.choice(_core.kernel_names())
        elif how == 1:
            ins[1:5] = json.loads(json.dumps(rng.choice(another["instructions"])[1:5]))
        elif how == 2:
            plan["batch"] = rng.choice((1, 2, 7, 64, 2**31, 2**62))
        elif how == 3:
            _mutate_list(rng, plan["rooms"])
        else:
            _mutate_list(rng, ins[rng.choice((1, 2, 2, 3, 3, 4))])
    return json.dumps(plan).encode()


def _run(path):
    """Bind and run a plan; what lies around its buffers must not change."""
    with open(path, "rb") as file:
        given = json.loads(file.read())
    rooms = [max(0, min(r, LARGEST)) for r in given["rooms"]]
    whole = np.full(sum(rooms) + GUARD * (len(rooms) + 1), 171, np.uint8)
    buffers, guards, at = [], [], 0
    for room in rooms:
        guards.append(whole[at : at + GUARD])
        buffers.append(whole[at + GUARD : at + GUARD + room])
        buffers[-1][:] = 0
        at += GUARD + room
    guards.append(whole[at:])
    n = len(given["instructions"])
    try:
        plan = _core.Plan(runtime.ISA, 32, given["instructions"], n, None)
        runner = _core.Runner(plan, given["batch"], buffers, [], [], None, -1, None, False)
    except OverflowError as error:  # numbers beyond int64 are none that Python lowers to
        raise ValueError(str(error)) from None
    if len(rooms) > 1000 or _work(given) > MOST:
        return
    scratch = np.zeros(6 << 20, np.uint8)
    rows = min(given["batch"], 64)
    runner.run((), None, rows, rows, 0, 1, 0, 0, None, None, (), 1, scratch, 1.0)
    assert all((g == 171).all() for g in guards), "wrote beyond a buffer"


def _work(given):
    """The product of all sizes of the largest instruction, about."""
    most, rows = 0, min(given["batch"], 64)
    for ins in given["instructions"]:
        sizes = [max(1, fixed + per_row * rows) for fixed, per_row in ins[2][:4]]
        if ins[0] in ("unfold", "fold") or "pool" in ins[0]:
            sizes += [max(1, abs(a)) for a in ins[3]]
        if ins[0].startswith(("conv", "depthwise")):  # windows, taps, channels
            sizes += [max(1, abs(a)) for a in (*ins[3][3:6], *ins[3][12:15], *ins[3][18:21])]
        work = 1
        for s in sizes:
            work *= s
        most = max(most, work)
    return most


PLANS = [Target("plan", _run, _seeds, _mutate, factor=1 << 14, longest=1 << 20)]
