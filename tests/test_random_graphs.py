"""Random networks: forward, gradients and updates against float64 NumPy, and the plan's validity."""

import secrets

import numpy as np
import pytest
from by_reference import evaluate, shape_at
from harness import ISAS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from long_runs import until_tired
from plan_checker import assert_valid
from random_graphs import MAKERS, Graph, graph_of, graphs

import gdcore.graph.passes.fuse as fuse
import gdcore.graph.passes.schedule as schedule
from gdcore import runtime
from gdcore.engine.session import BUFFER_NAMES, CONSTANTS, GRADS, INPUTS, PARAMS, Session, aligned
from gdcore.engine.updates import own_value
from gdcore.graph.differentiate import gradients
from gdcore.graph.ir import INT, OPS, topological
from gdcore.graph.plan import make_plan
from gdcore.graph.program import Place

LINE = 64
CALM = settings(  # to make a failing graph smaller, add Phase.shrink: that takes minutes
    deadline=None,
    database=None,
    phases=[Phase.generate],
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Trained:
    """A graph planned as a training step: values and loss, gradients, and an update of parameters."""

    def __init__(self, graph: Graph, bits: int) -> None:
        self.graph, self.bits = graph, bits
        real = np.dtype(np.float32 if bits == 32 else np.float64)
        self.real = real
        self.offsets, end = {}, 0
        for p in graph.parameters:
            self.offsets[p] = end
            end += -(-int(np.prod(p.shape)) * real.itemsize // LINE) * LINE
        self.params, self.grads = aligned(end), aligned(end)
        pinned, wanted, update = {}, [], []
        for p, g in zip(graph.parameters, graph.gradients(), strict=True):
            own = own_value(g, f"d {p.name}")
            pinned[own] = Place(GRADS, self.offsets[p])
            wanted.append(own)
        self.wanted = wanted
        # Every parameter moves by its gradient and by all the others as they were before.
        others = sum((p[(0,) * p.ndim] if p.ndim else p) for p in graph.parameters) * 0.01
        for p, g in zip(graph.parameters, wanted, strict=True):
            own = own_value(p * 0.5 - g * 0.1 + others)
            pinned[own] = Place(PARAMS, self.offsets[p])
            update.append(own)
        self.update = update
        places = {v: Place(INPUTS + i, 0) for i, v in enumerate(graph.fed)}
        places |= {p: Place(PARAMS, at) for p, at in self.offsets.items()}
        self.shown = graph.values[-6:]
        self.plan = make_plan(
            [graph.loss, *wanted, *self.shown],
            update,
            pinned,
            places.get,
            graph.room,
            bits,
            CONSTANTS,
            BUFFER_NAMES,
        )

    def view(self, memory, p):
        count = int(np.prod(p.shape))
        at = self.offsets[p]
        return memory[at : at + count * self.real.itemsize].view(self.real).reshape(p.shape)

    def run(self, isa, threads, poison):
        """Everything that a step leaves: values, gradients, parameters."""
        g = self.graph
        self.grads[:] = 0xFF
        for p in g.parameters:
            self.view(self.params, p)[...] = g.arrays[p]
        session = Session(
            self.plan,
            g.fed,
            [],
            None,
            {PARAMS: self.params, GRADS: self.grads},
            isa=runtime.isa_number(isa),
        )
        session.arena[:] = poison
        data = [
            (np.ascontiguousarray(g.arrays[v], np.int32 if v.dtype == INT else self.real), 1.0)
            for v in g.fed
        ]
        assert session.run(data, g.rows, g.rows, threads=threads) == (1, 0)
        out = [session.read(v, g.rows).copy() for v in (g.loss, *self.shown)]
        out += [self.view(self.grads, p).copy() for p in g.parameters]
        return out + [self.view(self.params, p).copy() for p in g.parameters]

    def wanted_values(self):
        return [self.graph.loss, *self.shown, *self.wanted, *self.update]


def distance(a, b, unknown):
    """The largest difference of two arrays."""
    with np.errstate(invalid="ignore"):
        return float(np.nan_to_num(np.abs(a - b), nan=unknown, posinf=np.inf).max())


def assert_agrees(got, values, graph, bits):
    """Each tensor within what rounding of every intermediate result could do to it."""
    exact = evaluate(values, graph.arrays, graph.rows, bits=bits)
    rounding = 2.4e-7 if bits == 32 else 4.4e-16
    rng = np.random.default_rng(0)
    spread = dict.fromkeys(values, 0.0)

    def widen(times):
        for _ in range(times):
            noisy = evaluate(values, graph.arrays, graph.rows, noise=(rng, rounding), bits=bits)
            for v in values:
                if exact[v].size:
                    # not a number next to a jump: anything may come out there
                    spread[v] = max(spread[v], distance(noisy[v], exact[v], unknown=np.inf))

    def wrong():
        for array, v in zip(got, values, strict=True):
            assert array.shape == shape_at(v, graph.rows)
            if array.size:
                scale = max(1e-6, float(np.abs(exact[v]).max()))
                off = distance(array, exact[v], unknown=np.nan)
                if spread[v] < np.inf and not off <= 20 * spread[v] + 20 * rounding * scale:
                    return f"{v!r}: off by {off:.3g}, scale {scale:.3g}, spread {spread[v]:.3g}"
        return None

    widen(4)
    if wrong():
        widen(60)  # a rare jump: a comparison of what is equal but for rounding
    assert wrong() is None, wrong()


def assert_gradients(graph):
    """Against central differences of the reference along a random direction; False at a kink."""
    leaves, loss = graph.parameters, graph.loss
    found = gradients(loss, leaves)
    base = evaluate([loss, *found], graph.arrays, graph.rows)
    rng = np.random.default_rng(1)
    direction = {p: rng.normal(size=p.shape) for p in leaves}
    wanted = sum(float((base[g] * direction[p]).sum()) for g, p in zip(found, leaves, strict=True))

    def at(t):
        moved = graph.arrays | {p: graph.arrays[p] + t * direction[p] for p in leaves}
        return float(evaluate([loss], moved, graph.rows, stopped=base)[loss])

    here = float(base[loss])
    slopes = []
    for step in (1e-6, 3e-7):
        slopes += [(at(step) - here) / step, (here - at(-step)) / step]
    scale = max(1.0, abs(wanted), abs(here))
    if max(slopes) - min(slopes) > 1e-3 * scale:
        return False  # it is not smooth there, or bent too much to be measured
    middle = (slopes[0] + slopes[1]) / 2
    assert abs(middle - wanted) <= 2e-4 * scale, f"gradient {wanted!r}, differences {slopes!r}"
    return True


@pytest.fixture(autouse=True, scope="module")
def reordered():
    """Groups move for a byte, so that small graphs are put in another order, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schedule, "LEAST", 1)
        yield


@pytest.fixture
def exact(monkeypatch):
    """A list that grows by one each time that the exact search for passes is needed."""
    taken = []

    class Counted(fuse.Fusion):
        def __init__(self, roots, done, after, exact=False):
            taken.extend([True] * exact)
            super().__init__(roots, done, after, exact)

    monkeypatch.setattr(fuse, "Fusion", Counted)
    return taken


def check(graph, isa):
    smooth = assert_gradients(graph)
    for bits in (32, 64):
        step = Trained(graph, bits)
        assert_valid(step.plan)
        one = step.run(isa, 1, 0xFF)  # as floats: NaN
        assert_agrees(one, step.wanted_values(), graph, bits)
        more = step.run(isa, 3, 0x3F)
        for a, b in zip(one, more, strict=True):
            assert np.array_equal(a, b)
    return smooth


@given(graph=graphs(), isa=st.sampled_from(ISAS))
@settings(CALM, max_examples=40, derandomize=True)  # the long runs below try others every time
def test_random_graphs(graph, isa):
    check(graph, isa)


@pytest.mark.parametrize("seed", range(20))
def test_graph_of_a_seed(seed):
    check(graph_of(seed), ISAS[seed % len(ISAS)])


@pytest.mark.parametrize("seed", [31, 141, 1837, 1914, 1963, 2024, 3146, 4106])
def test_passes_that_waited_for_one_another(seed):
    """Passes were merged though a path led from one to the other through a third: KeyError."""
    check(graph_of(seed, 6), ISAS[seed % len(ISAS)])


def test_exact_search_is_reached(exact):
    """The quick search for passes overlooks something in few graphs; there are such among these."""
    for seed in (3, 49, 349):
        Trained(graph_of(seed, 6), 32)
    assert len(exact) == 3


@pytest.mark.slow
def test_random_graphs_for_long(exact):
    """Some hundred graphs, or for GDCORE_LONG seconds; says how many."""
    tried, smooth, used = 0, 0, set()
    rows, largest = set(), 0

    def count(graph, isa):
        nonlocal tried, smooth, largest
        smooth += check(graph, isa)
        tried += 1
        used.update(graph.ops())
        rows.add(graph.rows)
        largest = max(largest, len(topological([graph.loss, *graph.gradients()])))

    @given(graph=graphs(largest=40), isa=st.sampled_from(ISAS))
    @settings(CALM, max_examples=10)
    def some(graph, isa):
        count(graph, isa)

    failed = []
    for _ in until_tired(25):
        seeds = [secrets.randbits(32) for _ in range(20)]
        for seed in [None, *seeds]:
            try:
                some() if seed is None else count(graph_of(seed), ISAS[seed % len(ISAS)])
            except Exception as error:  # the others are tried all the same
                failed.append(f"graph_of({seed}): {error!r} {getattr(error, '__notes__', '')}")
                print(failed[-1], flush=True)
    print(
        f"{tried:,} graphs, each in float32 and float64, of up to {largest:,} values, {len(used)} ops, "
        f"batches of {sorted(rows)}; {smooth:,} smooth enough for differences; "
        f"{len(exact):,} searches for passes had to be exact"
    )
    assert failed == []
    assert smooth > tried / 2


def test_every_op_is_tried():
    """What is registered is met in random graphs, or in their gradients, sooner or later."""
    out_of_reach = {
        *("param", "input", "state", "range", "constant"),  # leaves
        *("when_training", "with_update", "random_uniform"),  # see test_noise_and_norms.py
        *("single", "outer_peak"),  # see test_rank_one.py
        "softmax_along",  # what the planning of softmax and log_softmax makes of them
        *("bag", "bag_add", "group_rows", "sum_rows", "square_rows"),  # see test_row_updates.py
        *("scan", "loop_leaf", "loop_part", "loop_cotangent"),  # see test_scan.py
        *("masked", "seen", "step_mask"),  # see test_masks.py
        *("as_rows", "carried"),  # see test_stateful.py
        *(name for name in OPS if name.startswith("attention")),  # see test_attention.py
    }
    missing = set(OPS) - out_of_reach
    made = {name for name, _ in MAKERS} - {"min", "var"}
    for seed in range(600):  # a new op changes what every seed draws
        used = graph_of(seed).ops()
        missing, made = missing - used, made - used
        if not missing | made:
            break
    assert (missing, made) == (set(), set())
