"""Where threads meet, and that each takes of an update what it took of the gradient."""

import numpy as np
import pytest

import gdcore as gd
from gdcore import _core
from gdcore.engine import updates
from gdcore.engine.meetings import MOST, meetings
from gdcore.engine.session import GRADS
from tests.test_rank_one import MADE, WHOLE

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(24, 40)).astype(np.float32), RNG.integers(0, 3, 24)


def trained(make, **fit):
    layers = [gd.Input(40), gd.Dense(72, "tanh"), gd.Dense(65, "relu"), gd.Dense(3)]
    model = gd.Sequential(layers).compile(make(), "cross_entropy")
    model.fit(X, Y, batch_size=8, epochs=2, seed=1, verbose=0, **fit)
    return model


def plan_of(model):
    (step,) = (s for key, s in model._engine.steps.items() if key[0] == "train")
    return step.session.plan


def numbers(model):
    memory = model._engine.parameters()
    return memory.params.tobytes(), memory.slots.tobytes()


@pytest.mark.parametrize("name", MADE)
def test_large_kernels_are_updated_one_by_one(name, monkeypatch):
    want = trained(MADE[name])
    monkeypatch.setattr(updates, "LARGE", 1 << 10)
    got = trained(MADE[name])
    whole = name in WHOLE - {"norm"}
    checks = [i.dims[0][0] for i in plan_of(got).instructions if i.kernel == "all_finite"]
    assert (len(checks) == 1) == whole
    assert whole or {40 * 72, 72 * 65 + 8} <= set(checks)  # the second is padded to a cache line
    assert numbers(got) == numbers(want)


def test_no_gradient_of_a_large_kernel_changes_hands(monkeypatch):
    """Threads share out elements of a kernel, to check and to update, as they share out rows of x' dy."""
    owners = pytest.importorskip("bench.owners")

    def moved():
        x = np.zeros((16, 256), np.float32)
        layers = [gd.Input(256), gd.Dense(512), gd.Dense(256)]
        model = gd.Sequential(layers).compile("adam", "mse")
        model.fit(x, x, batch_size=16, verbose=0)
        plan = plan_of(model)
        found = owners.moved(plan, 16, 2)
        return sum(f.get(GRADS, 0) for f in found), sum(sum(f.values()) for f in found)

    assert moved()[0] < 4 * 1024  # biases alone
    monkeypatch.setattr(updates, "LARGE", 1 << 20)
    assert moved()[0] > 500_000


def test_threads_meet_where_one_needs_what_another_writes(monkeypatch):
    monkeypatch.setattr(updates, "LARGE", 1 << 10)
    plan = plan_of(trained(gd.Adam))
    meet = meetings(plan)
    assert set(meet) == {0, 1}
    assert meet[plan.n_gradients - 1] == meet[plan.n_compute - 1] == 1
    first = plan.n_compute  # updates of several kernels need nothing of one another
    names = [i.kernel for i in plan.instructions[first:]]
    assert names.count("map") >= 4 and not any(meet[first + 1 : -1])
    written, since = set(), 0
    for ins, then in zip(plan.instructions, meet, strict=True):
        n_out = ins.attrs[1] if ins.kernel == "map" else 1
        refs = ins.refs + (ins.then.refs if ins.then else [])
        assert not any(r in written for r in refs if r[0] != 7), ins.text
        written |= set(ins.refs[:n_out] + (ins.then.refs[: ins.then.attrs[1]] if ins.then else []))
        since += 1
        assert since <= MOST
        if then:
            written, since = set(), 0


def test_a_plan_has_one_byte_for_each_instruction():
    with pytest.raises(ValueError, match="2 bytes for 0 instructions"):
        _core.Plan(0, 32, [], 0, None, None, b"12")
