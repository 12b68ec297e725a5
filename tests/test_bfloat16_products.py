"""Products and convolutions of factors rounded to bfloat16, and the kernels over pairs."""

import platform
import shlex
import shutil
import subprocess

import numpy as np
import pytest
from harness import ISAS, apply, graph_runner, leaves_of
from test_c_rules import CSRC, ISA_FLAGS
from test_gemm import SIZES, laid_out, multiply
from test_plan_refused import SOUND, refused
from test_simd import CROSS_CC, QEMU, missing

from gdcore import _core, compute
from gdcore.graph.ir import OPS
from gdcore.graph.ops.leaves import input_value
from gdcore.graph.passes.narrow import narrow_products

pytestmark = pytest.mark.filterwarnings("ignore:compute='bfloat16' is no faster")
X86 = [isa for isa in ISAS if isa != "neon"]


def rounded(x):
    """To bfloat16, ties to even, as float32; nan stays nan."""
    x = np.ascontiguousarray(x, np.float32)
    bits = x.view(np.uint32).astype(np.uint64)
    bits = np.where(np.isnan(x), bits | 0x400000, bits + 0x7FFF + (bits >> 16 & 1))
    return (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)


# --- products --------------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulate", [0, 1])
def test_a_product_is_that_of_rounded_factors_on_every_instruction_set(accumulate):
    for m, n, k in SIZES:
        for lie_a, lie_b in (("rows", "rows"), ("columns", "columns"), ("apart", "apart")):
            rng, found = np.random.default_rng(m * n + k), {}
            a = laid_out((2, 1, m, k), lie_a, np.float32, rng)
            b = laid_out((2, 1, k, n), lie_b, np.float32, rng)
            before = rng.normal(size=(2, 1, m, n)).astype(np.float32)
            exact = [rounded(x[1]).astype(np.float64) for x in (a, b)]
            want = accumulate * before + exact[0] @ exact[1]
            for isa in ISAS:
                c = before.copy()
                multiply((c, c), a, b, isa, 32, accumulate=accumulate, loose=1, bfloat16=1)
                assert np.abs(c - want).max(initial=0) <= 1e-6 * np.abs(want).max(initial=1)
                found[isa] = c.tobytes()
            assert len({found[isa] for isa in X86}) <= 1, (m, n, k)


@pytest.mark.parametrize("isa", ISAS)
def test_rounding(isa):
    """Ties to even, infinities, and numbers that become one; nan stays nan, whatever its bits."""
    bits = [0x3F808000, 0x3F818000, 0x3F808001, 0xBF817FFF, 0x7F7FFFFF, 0x7F800000, 0x7F800001]
    x = np.array([*bits, 0xFFC00000, 0x80000000], np.uint32).view(np.float32).reshape(1, 1, -1, 1)
    one, c = np.ones((1, 1, 1, 1), np.float32), np.zeros_like(x)
    multiply((c, c), (x, x), (one, one), isa, 32, bfloat16=1)
    np.testing.assert_array_equal(c, rounded(x))
    assert np.isnan(c).sum() == 2


@pytest.mark.parametrize("name", ["conv", "conv_dx", "conv_dw", "matmul_add"])
def test_ops_take_rounded_factors(name):
    op = OPS[name]
    for sample in op.samples[::5]:
        rng = np.random.default_rng(0)
        arrays = [rng.normal(size=s).astype(np.float32) for s in sample.shapes]
        leaves = leaves_of(op, sample)
        value = apply(op, *leaves, **sample.attrs)
        new = narrow_products([value], compute.IN_FLOAT32)[value]
        exact = [rounded(x).astype(np.float64) for x in arrays[:2]] + arrays[2:]
        if "bfloat16" not in new.attrs:  # of depthwise convolutions: they stay in float32
            assert sample.attrs["groups"] > 1
            exact = arrays
        want = op.reference(*exact, **sample.attrs)
        for isa in ISAS:
            (got,) = graph_runner(leaves, [new], 32, isa, threads=2)(arrays)
            scale = max(1.0, np.abs(want).max(initial=0))
            np.testing.assert_allclose(got.reshape(want.shape), want, rtol=0, atol=2e-6 * scale)


# Images, taps, filters: rows of windows of even and odd numbers, wide and narrow, padded, apart, in groups.
WINDOWS = [
    ((2, 9, 33, 24), (3, 3), 24, {}),
    ((3, 8, 16, 6), (3, 3), 40, {"padding": (1, 1, 1, 1)}),
    ((2, 12, 17, 4), (5, 2), 70, {"padding": (2, 2, 1, 0), "strides": (2, 2)}),
    ((1, 7, 40, 2), (1, 4), 3, {"dilation": (1, 3)}),
    ((2, 10, 10, 5), (2, 2), 9, {}),
    ((2, 40, 9, 16), (3, 3), 20, {"groups": 2, "padding": (1, 1, 1, 1)}),
    ((1, 3, 150, 64), (3, 3), 130, {"padding": (1, 1, 1, 1)}),
]


@pytest.mark.skipif(not _core.bf16_supported(), reason="the processor has no bfloat16 products")
@pytest.mark.parametrize(("image", "taps", "filters", "settings"), WINDOWS)
def test_convolutions_of_pairs_have_the_bits_of_float32_code(image, taps, filters, settings):
    """Output and both gradients, on any number of threads."""
    attrs = {
        "strides": (1, 1),
        "padding": (0, 0, 0, 0),
        "dilation": (1, 1),
        "groups": 1,
        **settings,
    }
    x = input_value(image, "x")
    w = input_value((*taps, image[-1] // attrs["groups"], filters), "w")
    y = apply(OPS["conv"], x, w, **attrs)
    dy = input_value(y.shape, "dy")
    dx = apply(OPS["conv_dx"], dy, w, **attrs, image=image[1:3])
    outputs = [y, dx, apply(OPS["conv_dw"], x, dy, **attrs, kernel=taps)]
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=v.shape).astype(np.float32) for v in (x, w, dy)]
    found = set()
    for how in (compute.IN_FLOAT32, compute.BY_INSTRUCTIONS):
        new = narrow_products(outputs, how)
        for threads in (1, 2, 3):
            run = graph_runner([x, w, dy], [new[v] for v in outputs], 32, "avx512", threads)
            found.add(b"".join(got.tobytes() for got in run(arrays)))
    assert len(found) == 1


@pytest.mark.parametrize("kernel", ["gemm", "conv", "conv_dw", "attention", "attention_gradient"])
def test_a_plan_that_rounds_otherwise_is_refused(kernel):
    where, dims, attrs, pars = SOUND[kernel]
    for how in (-1, 3):
        refused(kernel, (where, dims, [*attrs[:-1], how], pars), "kernel has not", bits=32)
    refused(kernel, (where, dims, [*attrs[:-1], 1], pars), "kernel has not", bits=64)
    if not _core.bf16_supported():
        refused(kernel, (where, dims, [*attrs[:-1], 2], pars), "processor has not", bits=32)


# --- kernels over pairs ----------------------------------------------------------------------------


@pytest.mark.parametrize("isa", ["avx2", pytest.param("neon", marks=pytest.mark.slow)])  # emulated
def test_kernels_over_pairs(isa, tmp_path):
    """On x86 pairs are multiplied as VDPBF16PS is defined to, with the bits of float32 code; by BFDOT nearly."""
    if why := missing(isa):
        pytest.skip(why)
    cc, runner, flags = (
        shlex.split("gcc"),
        [],
        ["-DGD_BF16_EMULATED", *ISA_FLAGS.get(isa, "").split()],
    )
    if isa == "neon":
        flags = ["-march=armv8.2-a+bf16", "-static"]
        if platform.machine() not in ("aarch64", "arm64"):
            cc, runner = [CROSS_CC], [QEMU, "-cpu", "max"]
    if not shutil.which(cc[0]) or not CSRC.exists():
        pytest.skip(f"needs {cc[0]} and the sources")
    sources = [CSRC.parent / "tests" / "csrc" / "bf16_pairs.c"]
    sources += [CSRC / "product.c", CSRC / "bf16_tiles.c"]
    names = [f"-DGD_ISA={isa}", f"-DGD_ISA_{isa}", "-DGD_PRECISION=f32", "-DGD_REAL_BITS=32"]
    own = ["-std=gnu11", "-O0", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", f"-I{CSRC}"]
    exe = tmp_path / "pairs"
    command = [*cc, *own, *names, *flags, *map(str, sources), "-o", str(exe), "-lm"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    told = subprocess.run([*runner, str(exe)], capture_output=True, text=True, check=True).stdout
    differ, error = int(told.split()[0]), float(told.split()[-1])
    assert error <= 3e-6 if isa == "neon" else differ == 0, told


def test_instructions_are_used_where_they_pay(monkeypatch):
    monkeypatch.setattr(compute, "ISA_NAME", "avx512")
    for here, same, ratio, how, words in (
        (False, True, 2.0, compute.IN_FLOAT32, "has no bfloat16 products"),
        (True, False, 2.0, compute.IN_FLOAT32, "other numbers"),
        (True, True, 0.5, compute.IN_FLOAT32, "take 2.00 of the time"),
        (True, True, 1.6, compute.BY_INSTRUCTIONS, "take 0.62 of the time"),
    ):
        monkeypatch.setattr(compute, "_supported", lambda here=here: here)
        monkeypatch.setattr(compute, "_agree", lambda same=same: same)
        monkeypatch.setattr(compute, "_ratio", lambda ratio=ratio: ratio)
        kernels = compute._choose()
        assert kernels.how == how
        assert words in kernels.reason


def test_the_measurement_compares_what_it_says(monkeypatch):
    """With float32 code in the place of the instructions, both give the same bits and take about as long."""
    monkeypatch.setattr(compute, "BY_INSTRUCTIONS", compute.IN_FLOAT32)
    assert compute._agree()
    assert compute._ratio() > 0
