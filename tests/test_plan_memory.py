"""Where a plan lays its values: no two that live at once overlap, and the check would see it."""

from dataclasses import replace

import pytest
from plan_checker import assert_valid, overlapping, owner, steps_of
from test_plan import TRAINED, train_plan

import gdcore as gd
from gdcore.engine.session import CONSTANTS
from gdcore.graph.dims import at_batch, size
from gdcore.graph.ir import base
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.plan import PlanError, check, make_plan
from gdcore.graph.program import ARENA, Place, element_bytes

# --- memory ------------------------------------------------------------------------


VARIANTS = [
    (n, b, d, w)
    for n in TRAINED
    for b, d, w in ((1, "float32", False), (32, "float64", True), (50, "float32", True))
]


@pytest.mark.parametrize(("name", "batch", "dtype", "weighted"), VARIANTS)
def test_no_two_live_values_overlap(name, batch, dtype, weighted):
    plan = train_plan(name, batch, dtype, weighted, kept=True)
    assert overlapping(plan) == []
    for v, at in plan.placement.places.items():
        if at.buffer == ARENA and v.op.kind != "leaf" and owner(plan, v) is v:
            assert at.offset % 64 == 0
            assert (
                at.offset + at_batch(size(v.shape), batch) * element_bytes(v, plan.bits)
                <= plan.placement.arena_bytes
            )


def test_memory_is_used_again():
    """Ten layers deep in prediction: two layers' worth of activations at most."""
    model = gd.Sequential([gd.Input(256), *[gd.Dense(256, activation="relu") for _ in range(10)]])
    plan = model._engine.builder().predict(64).session.plan
    assert plan.placement.arena_bytes <= 2 * 64 * 256 * 4


def moved(plan, to):
    """The plan with some values elsewhere."""
    return replace(plan, placement=replace(plan.placement, places={**plan.placement.places, **to}))


@pytest.mark.parametrize("name", ["mlp_adam", "noisy_momentum", "lstm_adagrad"])
def test_check_finds_a_value_laid_over_another(name):
    """Each value of the arena over each other: found out wherever the two are alive at once."""
    plan = train_plan(name)
    check(plan)
    read = {id(v) for reads, _ in steps_of(plan) for v in reads}
    values = [
        v for v in dict.fromkeys(v for _, writes in steps_of(plan) for v in writes) if id(v) in read
    ][:16]
    found = 0
    for v in values:
        for other in values:
            broken = moved(plan, to={v: plan.placement.places[other]})
            if v is not other and overlapping(broken):
                with pytest.raises(
                    PlanError, match=r"instruction \d+ \(.*\) (reads|writes)|is wanted but"
                ):
                    check(broken)
                found += 1
    assert found > 15


def test_check_finds_a_place_beyond_the_arena():
    plan = train_plan("mlp_adam")
    v = next(w for _, writes in steps_of(plan) for w in writes)
    with pytest.raises(PlanError, match="beyond the arena"):
        check(moved(plan, to={v: Place(ARENA, plan.placement.arena_bytes)}))


def test_check_finds_a_read_that_nobody_wrote():
    plan = train_plan("mlp_adam")
    with pytest.raises(PlanError, match=r"instruction \d+ .*reads .*which is not there"):
        check(replace(plan, instructions=plan.instructions[1:]))
    swapped = [*plan.instructions[:2][::-1], *plan.instructions[2:]]
    with pytest.raises(PlanError, match="which is not there"):
        check(replace(plan, instructions=swapped))


def test_check_finds_a_result_that_is_overwritten():
    plan = train_plan("mlp_adam", kept=True)
    loss = next(iter(plan.values.values()))
    last = [
        v
        for _, writes in steps_of(replace(plan, instructions=plan.instructions[: plan.n_compute]))
        for v in writes
    ][-1]
    with pytest.raises(PlanError):
        check(moved(plan, to={last: plan.placement.places[base(loss)]}))


def test_check_finds_a_workspace_laid_over_what_lives():
    """A long sum keeps its parts there; what is read later must not lie below, nor what it reads or writes."""
    x = input_value((70000,), "x")
    y = gd.ops.exp(x)
    z = y * gd.ops.sum(y)
    plan = make_plan([z], [], {}, {x: Place(9, 0)}.get, 1, 32, CONSTANTS)
    assert [i.kernel for i in plan.instructions].count("sum_partial") == 1
    check(plan)
    assert_valid(plan)
    ((v, spare),) = plan.placement.workspaces.items()
    (kept,) = (w for w in plan.placement.places if w.op.name == "exp")
    for at in (plan.placement.places[kept].offset, plan.placement.places[v].offset):
        placement = replace(plan.placement, workspaces={v: spare._replace(offset=at)})
        broken = replace(plan, placement=placement)
        with pytest.raises(PlanError, match=r"\(sum\) has its workspace at .* over what it reads"):
            check(broken)
        with pytest.raises(AssertionError):
            assert_valid(broken)
