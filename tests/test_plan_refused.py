"""A plan that its kernels have no room for is refused, whatever made it: see csrc/check.c.

Each kernel has one sound instruction here; everything that can be wrong with it is made wrong.
"""

import numpy as np
import pytest

from gdcore import _core, runtime

ARENA, OTHER, INTS = 0, 1, 2
SIZE = 32768  # bytes of each buffer
BATCH = 2


def refs(*kinds):
    """An operand for each letter: o writes to the arena, i reads, n reads whole numbers."""
    found = {"o": (ARENA, 0, 0), "i": (OTHER, 0, 0), "n": (INTS, 1, 0), "f": (INTS, 1, 64)}
    found["w"] = (ARENA, 1, 0)  # written, whole numbers
    return [found[k] for k in kinds]


def fixed(*sizes):
    return [s if isinstance(s, tuple) else (s, 0) for s in sizes]


CODE = {name: i for i, name in enumerate(_core.map_op_names())}
CHAIN = _core.chain_keys().index("vv>1:add 2 0 1")

# of a convolution: sizes, windows, steps, first taps, taps, and how far apart
WINDOWS = [*(1, 4, 4), *(1, 3, 3), *(1, 1, 1), *(0, 0, 0), *(1, 2, 2), *(1, 1, 1)]

# kernel: refs, dims, attrs, pars
# Of a pool: length, windows, elements of one, stride, padding before and after, dilation, three times.
AXES = [2, 2, 1, 1, 0, 0, 1, 5, 3, 3, 2, 1, 1, 1, 4, 3, 0, 1, 0, 0, 1]
SOUND = {
    "map": (
        refs("o", "i", "i"), fixed(8, (0, 8), 8, 1, 0, 0),
        [2, 1, 2, 2, 1, -1, 1, 2, CODE["add"], 3, 0, 1, 0, CODE["relu"], 2, 3, 0, 0], [0.0] * 4,
    ),
    "gemm": (refs("o", "i", "i"), fixed(1, 1, 4, 5, 6, 0, 0, 5, 0, 0, 6, 1, 0, 0, 5, 1), [0, 0, 0, 0], []),
    "conv": (
        refs("o", "i", "i"), fixed((0, 1)),
        [*WINDOWS, 2, 3, 5, 90, 90, 30, 10, 0, 60, 60, 30, 10, 1, 0, 5, 0], [],
    ),
    "conv_dw": (refs("o", "i", "i", "o"), fixed((0, 1)), [*WINDOWS, 2, 3, 5, 1, 0], []),
    "winograd_filters": (refs("o", "i"), fixed(2, 3), [18, 6, 3, 1, 0], []),
    "winograd": (refs("o", "i", "i"), fixed((0, 1)), [5, 4, 5, 4, -1, -1, 2, 3], []),
    "winograd_dw": (refs("o", "i", "i", "o"), fixed((0, 1)), [5, 4, 5, 4, -1, -1, 2, 3, 1], []),
    "depthwise": (
        refs("o", "i", "i"), fixed((0, 1)),
        [*WINDOWS, 12, 2, 1, 108, 108, 36, 12, 0, 48, 24, 12, 0], [],
    ),
    "attention": (  # samples, queries, keys, heads, groups, features, values; strides of q, k, v, y, bias, mask
        refs("o", "i", "i", "i", "i", "i", "o"),
        fixed((0, 1), 3, 4, 4, 2, 3, 2, 36, 12, 3, 24, 6, 3, 16, 4, 2, 24, 8, 2, 48, 12, 4, 4), [1, 1, 1, 1, 0], [0.5],
    ),
    "attention_gradient": (
        refs("o", "i", "i", "i", "i", "i", "i", "i", "i", "o", "o", "o"),
        fixed((0, 1), 3, 4, 4, 2, 3, 2, 36, 12, 3, 24, 6, 3, 16, 4, 2, 24, 8, 2, 48, 12, 4, 4,
              24, 8, 2, 36, 12, 3, 24, 6, 3, 16, 4, 2), [1, 1, 1, 1, 1, 1, 0], [0.5],
    ),
    "depthwise_dw": (refs("o", "i", "i", "o"), fixed((0, 1)), [*WINDOWS, 12, 2, 1], []),
    "sum": (refs("o", "i"), fixed(3, 4, 5), [], [0.0]),
    "max": (refs("o", "i"), fixed(3, 4, (0, 5)), [], [0.0]),
    "logsumexp": (refs("o", "i"), fixed(3, 4, 1), [], [0.0]),
    "softmax": (refs("o", "i"), fixed(3, 4, (0, 5)), [0], []),
    "pack": (refs("o", "i"), fixed(5, 6, 6, 1), [], []),
    "sum_partial": (refs("o", "i"), fixed((0, 50)), [], []),
    "sum_final": (refs("o", "i"), fixed(50), [], [0.0]),
    "copy": (refs("o", "i"), fixed(2, 3, (0, 2), 16, 4, 1, 1, 2, 6, 0, 0), [3], []),
    "fill": (refs("o"), fixed((3, 4)), [], [1.5]),
    "gather": (refs("o", "i", "n"), fixed(4, 6, 3), [], []),
    "scatter_add": (refs("o", "i", "n"), fixed(6, 6, 3), [], []),
    "unfold": (refs("o", "i"), fixed((0, 1)), [4, 4, 2, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1], [0.0]),
    "fold": (refs("o", "i"), fixed((0, 1)), [4, 4, 2, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1], []),
    "max_pool": (refs("o", "i"), fixed((0, 1)), [3, 0, *AXES], []),
    "max_pool_dx": (refs("o", "i", "i"), fixed((0, 1)), [3, 0, *AXES], []),
    "max_pool_take": (refs("o", "i", "i"), fixed((0, 1)), [3, 0, *AXES], []),
    "avg_pool": (refs("o", "i"), fixed((0, 1)), [3, 1, *AXES], []),
    "avg_pool_dx": (refs("o", "i"), fixed((0, 1)), [3, 1, *AXES], []),
    "resample": (refs("o", "i"), fixed((0, 2), 3), [3, 4, 0, 1, 3, 3, 4, 2, 0, 1, 2], [1.0, 0.5, 0.5, 2.0]),
    "all_finite": (refs("f", "i"), fixed(100), [0], []),
    "outer_peak": (refs("o", "i", "i"), fixed(10, 20), [], []),
    "bag": (refs("o", "i", "n", "i"), fixed(2, 3, 5, 4), [1], []),
    "bag_add": (refs("o", "i", "n"), fixed((0, 1), 3, 5, 4), [0], []),
    "group_rows": (refs("w", "n", "i"), fixed((0, 3), 9, (0, 3)), [], []),
    "sum_rows": (refs("o", "n", "i", "i"), fixed((0, 4), 3, (0, 4), 2), [3], []),
    "square_rows": (refs("o", "i", "n"), fixed(6, 4), [], []),
    "log_numbers": (refs("n", "o", "i"), fixed(3), [5], []),
}  # fmt: skip


# Strides of a batch of one, and of an operand that is one number.
UNUSED = {"gemm": (5, 6, 8, 9, 12, 13), "map": (4, 5)}


def run(kernel, parts, then=None, bits=32, isa=None, batch=BATCH, steps=1):
    """Bind an instruction to guarded buffers and run it."""
    rows = [np.full(SIZE + 256, 7, np.uint8) for _ in range(3)]
    buffers = [r[128:-128] for r in rows]
    for b in buffers[:2]:
        b[:] = 0
    buffers[INTS][:] = 0
    plan = _core.Plan(
        runtime.ISA if isa is None else isa, bits, [(kernel, *parts, then, (1, 0))], 1, None
    )
    runner = _core.Runner(plan, batch, buffers, [], [], None, -1, None, False)
    scratch = np.zeros(6 << 20, np.uint8)
    runner.run((), None, batch * steps, batch, 0, steps, 0, 0, None, None, (), 1, scratch, 1.0)
    for r in rows:
        assert (r[:128] == 7).all() and (r[-128:] == 7).all(), "wrote beyond a buffer"


def refused(kernel, parts, match, **more):
    with pytest.raises(ValueError, match=match) as caught:
        run(kernel, parts, **more)
    assert "\n" not in str(caught.value) and f"({kernel})" in str(caught.value)


# The same pass with strides of its output: five elements from row to row.
PLACED = (SOUND["map"][0], [*SOUND["map"][1], (5, 0), (1, 0)], *SOUND["map"][2:])


@pytest.mark.parametrize("bits", [32, 64])
def test_outputs_of_a_pass_may_have_strides(bits):
    where, dims, attrs, pars = PLACED
    run("map", PLACED, bits=bits)
    for stride in ((SIZE, 0), (2**62, 2**62), (-1, 0)):
        changed = [*dims[:-2], stride, dims[-1]]
        refused(
            "map", (where, changed, attrs, pars), "reaches beyond|cannot be|negative", bits=bits
        )
    refused("map", (where, dims[:-1], attrs, pars), "another number", bits=bits)
    refused("map", (where, [*dims, (1, 0)], attrs, pars), "another number", bits=bits)


# Of a view: 2 x (0, 3) results, folded from 4 x 5; strides of x, kept and folded, and of y.
WALKED = fixed(2, (0, 3), 4, 5, 80, 1, 0, 16, 1, 2)


@pytest.mark.parametrize("kernel", ["sum", "max", "logsumexp", "sum_partial"])
def test_reductions_of_views_stay_within_their_buffers(kernel):
    where, keeps = refs("o", "i"), kernel != "sum_partial"
    dims, attrs = (WALKED, [2, 2]) if keeps else ([*WALKED[2:4], *WALKED[6:8]], [0, 2])
    sound = (where, dims, attrs, [0.0])
    run(kernel, sound)
    refused(kernel, sound, "reaches beyond|cannot be", batch=2**62) if keeps else None
    for i in range(len(dims)):
        for size in ((2**62, 2**62), (-1, 0), (0, -1)):  # of a dimension with a stride of 0, too
            changed = [*dims[:i], size, *dims[i + 1 :]]
            match = "reaches beyond|cannot be|negative"
            refused(kernel, (where, changed, attrs, [0.0]), match)
    for changed in ([-1, 2], [9, 2], [2, 0], [2, 9], [2**40, 2**40]):
        refused(kernel, (where, dims, changed, [0.0]), "more dimensions")
    for changed in ([1, 2], [2, 1], [0, 1]):
        refused(kernel, (where, dims, changed, [0.0]), "another number")
    refused(kernel, (where, dims, attrs[:1], [0.0]), "another number")
    for i, reach in ((0, SIZE), (1, SIZE - 64)):
        moved = [*where[:i], (*where[i][:2], reach), *where[i + 1 :]]
        refused(kernel, (moved, dims, attrs, [0.0]), "reaches beyond")
    if not keeps:
        refused(kernel, (where, WALKED, [2, 2], [0.0]), "keeps dimensions")


def test_every_kernel_is_known():
    assert set(SOUND) == set(_core.kernel_names()) - {"scan", "update_rows"}  # see their own tests


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("kernel", SOUND)
def test_a_sound_instruction_runs(kernel, bits):
    run(kernel, SOUND[kernel], bits=bits)


@pytest.mark.parametrize("kernel", SOUND)
def test_operands_lie_within_their_buffers(kernel):
    where, dims, attrs, pars = SOUND[kernel]
    for i, (buffer, kind, _) in enumerate(where):
        for offset in (SIZE, SIZE + 64, -4, -(2**62), 2**62, 2):
            changed = [*where[:i], (buffer, kind, offset), *where[i + 1 :]]
            refused(kernel, (changed, dims, attrs, pars), "reaches beyond")
        for other in (-1, 3, 64, 2**31 - 1):
            changed = [*where[:i], (other, kind, 0), *where[i + 1 :]]
            refused(kernel, (changed, dims, attrs, pars), "no buffer")
        changed = [*where[:i], (buffer, 2, 0), *where[i + 1 :]]
        refused(kernel, (changed, dims, attrs, pars), "type")


@pytest.mark.parametrize("kernel", SOUND)
def test_the_largest_batch_counts(kernel):
    if any(per_row for _, per_row in SOUND[kernel][1]):
        refused(kernel, SOUND[kernel], "reaches beyond", batch=10**6)
        refused(kernel, SOUND[kernel], "reaches beyond|cannot be", batch=2**62)


@pytest.mark.parametrize("kernel", SOUND)
def test_sizes_are_neither_negative_nor_too_large(kernel):
    where, dims, attrs, pars = SOUND[kernel]
    for i in range(len(dims)):
        for size in ((-1, 0), (0, -1)):
            changed = [*dims[:i], size, *dims[i + 1 :]]
            refused(kernel, (where, changed, attrs, pars), "negative")
        if i not in UNUSED.get(kernel, ()):
            changed = [*dims[:i], (2**62, 2**62), *dims[i + 1 :]]
            refused(kernel, (where, changed, attrs, pars), "reaches beyond|cannot be")


@pytest.mark.parametrize("kernel", SOUND)
def test_as_many_parts_as_the_kernel_reads(kernel):
    """One operand, size or number less, or one more where none may be."""
    for i in range(4):
        parts = [list(p) for p in SOUND[kernel]]
        if parts[i]:
            parts[i].pop()
            refused(kernel, tuple(parts), "another number|dimensions|no place|unwritten")
        parts = [list(p) for p in SOUND[kernel]]
        if i < 2:
            parts[i].append(parts[i][-1])
            refused(kernel, tuple(parts), "another number|no place")


def changed_map(at, value):
    where, dims, attrs, pars = SOUND["map"]
    return where, dims, [*attrs[:at], value, *attrs[at + 1 :]], pars


MAPS = {
    "65 dimensions": (changed_map(0, 65), "dimensions"),
    "fewer than no dimension": (changed_map(0, -1), "dimensions"),
    "no output": (changed_map(1, 0), "registers"),
    "outputs without end": (changed_map(1, 2**40), "registers"),
    "inputs without end": (changed_map(2, 129), "registers"),
    "operations without end": (changed_map(3, 2**40), "cannot be"),
    "units of nothing": (changed_map(4, 0), "cannot be"),
    "no such chain": (changed_map(5, 10**6), "no chain"),
    "another chain": (changed_map(5, CHAIN), "another chain"),
    "an unknown kind of input": (changed_map(6, 4), "unknown kind"),
    "an unknown operation": (changed_map(8, len(CODE)), "unknown operation"),
    "an operation before the first": (changed_map(8, -1), "unknown operation"),
    "an input that is written": (changed_map(9, 1), "register"),
    "a register beyond the last": (changed_map(9, 128), "register"),
    "a register that is read first": (changed_map(10, 5), "nothing was written"),
    "an argument beyond the last": (changed_map(11, 10**9), "nothing was written"),
    "an output that nothing writes": (changed_map(14, 4), "nothing|unwritten"),
}


@pytest.mark.parametrize("what", MAPS)
def test_the_code_of_a_pass(what):
    refused("map", *MAPS[what])


def test_a_pass_rides_where_it_is_run():
    def over(n):
        attrs = [1, 1, 1, 1, 1, -1, 0, CODE["relu"], 1, 0, 0, 0]
        return ("map", refs("o", "o"), fixed(n, 1), attrs, [0.0] * 2, None, (1, 0))

    run("gemm", SOUND["gemm"], over(20))
    refused("gemm", SOUND["gemm"], "another number of elements", then=over(21))
    refused("sum", SOUND["sum"], "does not run", then=over(15))


def test_a_copy_of_more_dimensions_than_scratch_holds():
    for rank in (18, 64, 5000):
        run("copy", (refs("o", "i"), fixed(*[1] * rank, *[1] * 2 * rank, 0, 0), [rank], []))
    rank = (1 << 18) + 1
    refused(
        "copy",
        (refs("o", "i"), fixed(*[1] * rank, *[1] * 2 * rank, 0, 0), [rank], []),
        "more dimensions",
    )


def test_what_a_run_is_given_fits():
    plan = _core.Plan(runtime.ISA, 32, [("fill", *SOUND["fill"], None, (1, 0))], 1, None)
    arena, scratch = np.zeros(SIZE, np.uint8), np.zeros(64, np.uint8)

    def runner(**more):
        settings = {"buffers": [arena, None], "feeds": [(1, 0, 3, np.zeros(24, np.uint8))],
                    "taps": [((0, 0, 0), 8)], "loss": (0, 0, 0), "hyper_buffer": 0}  # fmt: skip
        return _core.Runner(plan, 2, *(settings | more).values(), None, False)

    def go(**more):
        settings = {
            "data": ((np.zeros((4, 3), np.float32), _core.source_names().index("float32"), 1.0),),
            "order": np.arange(4), "rows": 4, "batch": 2, "first": 0, "steps": 2, "seed": 0, "counter": 0,
            "hyper": np.zeros((2, 4), np.float32), "losses": np.zeros(2),
            "outputs": (np.zeros(8, np.float32),), "threads": 1, "scratch": scratch, "seconds": 9.0,
            "spent": np.zeros(1),
        }  # fmt: skip
        return runner().run(*(settings | more).values())

    assert go() == (2, _core.DONE)
    float32 = _core.source_names().index("float32")
    for more in (
        {"data": ()},
        {"data": ((np.zeros((3, 3), np.float32), float32, 1.0),)},
        {"data": ((np.zeros((4, 2), np.float32), float32, 1.0),)},
        {"data": ((np.zeros((4, 3)), float32, 1.0),)},
        {"data": ((np.zeros(12, np.float32), float32, 1.0),)},
        {"data": ((np.float32(1), float32, 1.0),)},
        {"data": ((np.zeros((4, 6), np.float32)[:, ::2], float32, 1.0),)},
        {"data": ((np.zeros((4, 3), np.float32), 99, 1.0),)},
        {"data": ((np.zeros((4, 3), np.float32), -1, 1.0),)},
        {"order": np.arange(3)},
        {"rows": 5},
        {"batch": 3},
        {"batch": 0},
        {"first": 1},
        {"first": -1},
        {"steps": 3},
        {"steps": 2**62},
        {"hyper": np.zeros((1, 4), np.float32)},
        {"hyper": np.zeros((2, SIZE), np.float32)},
        {"hyper": np.float32(1)},
        {"losses": np.zeros(1)},
        {"outputs": ()},
        {"outputs": (np.zeros(7, np.float32),)},
        {"threads": 0},
        {"threads": 2},
        {"spent": np.zeros(0)},
    ):
        with pytest.raises(ValueError, match=r"\w"):
            go(**more)
    for more in (
        {"feeds": [(0, 0, 3, np.zeros(24, np.uint8))]},
        {"feeds": [(2, 0, 3, np.zeros(24, np.uint8))]},
        {"feeds": [(1, 0, 3, np.zeros(23, np.uint8))]},
        {"feeds": [(1, 0, 2**61, np.zeros(24, np.uint8))]},
        {"taps": [((0, 0, SIZE - 8), 8)]},
        {"taps": [((5, 0, 0), 8)]},
        {"taps": [((0, 0, 0), -8)]},
        {"loss": (0, 0, SIZE)},
        {"loss": (0, 0, -4)},
    ):
        with pytest.raises(ValueError, match=r"of a plan|has rows of"):
            runner(**more)
