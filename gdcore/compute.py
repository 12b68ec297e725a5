"""What products compute in: float32, or bfloat16 factors added in float32; and which kernels do the latter here.

A processor may have instructions for pairs of bfloat16 and yet multiply float32 faster, so that CPUID alone decides
nothing: `kernels_here` measures, once a process, and sees that the instructions give the bits of the float32 code.
"""

from __future__ import annotations

import threading
import time
import warnings
from typing import Any, NamedTuple

import numpy as np

from gdcore import _core
from gdcore.errors import unknown
from gdcore.runtime import ISA, ISA_NAME

COMPUTE = ("float32", "bfloat16")
# How a product rounds its factors, as csrc/ops/gemm.c has it.
NOT, IN_FLOAT32, BY_INSTRUCTIONS = range(3)
FASTER = 1.1  # than float32, from which on the instructions pay
MOST_SECONDS = 0.01  # of measuring, after the first product of each kind

_lock = threading.Lock()
_measured: Kernels | None = None
_told = False


class Kernels(NamedTuple):
    """Which kernels multiply bfloat16 on this machine, and why.

    Attributes
    ----------
    how : int
        IN_FLOAT32 or BY_INSTRUCTIONS.
    reason : str
        Why it is so, in words.
    """

    how: int
    reason: str


def check_compute(compute: Any, dtype: Any) -> None:
    """Validate the setting `compute` beside the dtype that it goes with.

    Raises
    ------
    ValueError
        If it is unknown, or bfloat16 is asked for with a dtype other than float32.
    """
    if compute not in COMPUTE:
        raise unknown("compute", compute, COMPUTE)
    if compute == "bfloat16" and np.dtype(dtype) != np.float32:
        raise ValueError(
            f"compute='bfloat16' with dtype {np.dtype(dtype).name}: products round their factors from float32; "
            "use dtype='float32', or compute='float32'"
        )


def in_words(dtype: str, compute: str) -> str:
    """Both settings as a table of settings shows them: `float32`, or `float32 with bfloat16 products`."""
    return dtype if compute == "float32" else f"{dtype} with {compute} products"


def factors(compute: str, dtype: Any) -> int:
    """How products round their factors in a setting: NOT, IN_FLOAT32 or BY_INSTRUCTIONS.

    Raises
    ------
    ValueError
        If bfloat16 does not go with the dtype, that of a store which models may share.
    """
    check_compute(compute, dtype)
    return kernels_here().how if compute == "bfloat16" else NOT


def warn_if_slow() -> None:
    """Warn, once a process, if bfloat16 is not faster than float32 on this machine."""
    global _told
    kernels = kernels_here()
    if kernels.how == BY_INSTRUCTIONS or _told:
        return
    _told = True
    warnings.warn(
        f"compute='bfloat16' is no faster than float32 here: {kernels.reason}; products round their factors "
        "likewise and multiply them in float32 code",
        stacklevel=4,
    )


def kernels_here() -> Kernels:
    """The kernels that multiply bfloat16, chosen by a measurement of about 10 ms at the first call."""
    global _measured
    with _lock:
        if _measured is None:
            _measured = _choose()
        return _measured


def _supported() -> bool:
    return _core.bf16_supported()


def _choose() -> Kernels:
    if not _supported():
        return Kernels(IN_FLOAT32, "the processor has no bfloat16 products")
    if ISA_NAME not in ("avx512", "neon"):
        return Kernels(IN_FLOAT32, f"GDCORE_ISA={ISA_NAME} has no bfloat16 products")
    if not _agree():
        return Kernels(
            IN_FLOAT32, "the processor's bfloat16 products give other numbers than float32's"
        )
    ratio = _ratio()
    return Kernels(
        BY_INSTRUCTIONS if ratio >= FASTER else IN_FLOAT32,
        f"the processor's bfloat16 products take {1 / ratio:.2f} of the time of float32's",
    )


class Product:
    """One product of matrices m × k and k × n, run by itself on one thread."""

    def __init__(self, a: np.ndarray, b: np.ndarray, how: int) -> None:
        (m, k), n = a.shape, b.shape[1]
        self.c = np.zeros((m, n), np.float32)
        sizes = (1, 1, m, n, k, 0, 0, n, 0, 0, k, 1, 0, 0, n, 1)
        refs = [(i, 0, 0) for i in range(3)]
        ins: tuple[Any, ...] = (
            "gemm",
            refs,
            [(s, 0) for s in sizes],
            [0, 0, 0, how],
            [],
            None,
            (0, 0),
        )
        plan = _core.Plan(ISA, 32, [ins], 1, None)
        flat = [self.c.reshape(-1), a.reshape(-1), b.reshape(-1)]
        self.runner = _core.Runner(plan, 1, flat, [], [], None, -1, None, True)
        scratch = np.zeros(plan.scratch + 64, np.uint8)
        self.scratch = scratch[-scratch.ctypes.data % 64 :]

    def __call__(self) -> np.ndarray:
        self.runner.run((), None, 1, 1, 0, 1, 0, 0, None, None, (), 1, self.scratch, 1.0)
        return self.c

    def seconds(self) -> float:
        """How long it takes."""
        begin = time.perf_counter()
        self()
        return time.perf_counter() - begin


def _agree() -> bool:
    """Whether instructions give what float32 code gives: the same bits on x86, nearly the same on AArch64.

    Odd sizes, several blocks of k, and products so small that they are flushed to zero.
    """
    rng = np.random.default_rng(0)
    m, n, k = 29, 70, 531
    a, b = (rng.normal(size=s).astype(np.float32) for s in ((m, k), (k, n)))
    a *= np.float32(10.0) ** rng.integers(-20, 16, (m, 1)).astype(np.float32)
    b *= np.float32(10.0) ** rng.integers(-20, 16, (1, n)).astype(np.float32)
    want, got = (Product(a, b, how)() for how in (IN_FLOAT32, BY_INSTRUCTIONS))
    if ISA_NAME != "neon":
        return want.tobytes() == got.tobytes()
    scale = np.abs(a) @ np.abs(b)
    flushed = k * np.finfo(np.float32).tiny  # of each product, where the other code adds it first
    return bool((np.abs(want - got) <= 1e-5 * scale + flushed).all())


def _ratio() -> float:
    """How many times as fast as float32 the instructions are."""
    rng = np.random.default_rng(1)
    a, b = (rng.normal(size=s).astype(np.float32) for s in ((64, 512), (512, 256)))
    kinds = [Product(a, b, how) for how in (NOT, BY_INSTRUCTIONS)]
    best = [product.seconds() for product in kinds]
    end = time.perf_counter() + MOST_SECONDS
    while time.perf_counter() < end:
        best = [min(t, product.seconds()) for t, product in zip(best, kinds, strict=True)]
    return best[0] / best[1]
