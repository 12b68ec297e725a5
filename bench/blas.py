"""The BLAS inside NumPy (OpenBLAS) and torch (MKL), called from C so that no Python call is timed."""

from __future__ import annotations

import ctypes
import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from bench.peak import compiled

# Where a library keeps its BLAS, and the possible names of its functions with the width of their ints.
HOMES = {
    "numpy": ("../numpy.libs/*openblas*", "../numpy/.dylibs/*openblas*"),
    "torch": ("lib/libtorch_cpu.*",),
}
NAMES = (
    ("scipy_sgemm_64_", "scipy_sgemv_64_", "64"),
    ("sgemm_64_", "sgemv_64_", "64"),
    ("sgemm_", "sgemv_", "32"),
)


class Blas:
    """The products of one library.

    Parameters
    ----------
    library : {"numpy", "torch"}

    Raises
    ------
    SystemExit
        Without a C compiler, or if its BLAS is not found.
    """

    def __init__(self, library: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = compiled("blas.c", folder, ["-shared", "-fPIC"])
            if made is None:
                raise SystemExit("bench.products calls the peers from C, and needs a compiler")
            self.calls = ctypes.CDLL(made)
        for path in self._files(library):
            its = ctypes.CDLL(str(path))
            for gemm, gemv, bits in NAMES:
                if hasattr(its, gemm) and hasattr(its, gemv):
                    self.bits, self.library = bits, its
                    self.gemm, self.gemv = (
                        ctypes.cast(getattr(its, n), ctypes.c_void_p) for n in (gemm, gemv)
                    )
                    return
        raise SystemExit(f"no BLAS is found in {library}, for example libopenblas of a pip wheel")

    @staticmethod
    def _files(library: str) -> Iterator[Path]:
        found = importlib.util.find_spec(library)
        assert found is not None and found.origin is not None
        for pattern in HOMES[library]:
            yield from Path(found.origin).parent.glob(pattern)

    def ways(
        self, a: np.ndarray, b: np.ndarray, c: np.ndarray, ta: bool, tb: bool
    ) -> list[Callable[[int], None]]:
        """Functions of a count that compute c = op(a) op(b) so many times: by sgemm, and by sgemv for a vector."""
        m, n = c.shape
        k = a.shape[0 if ta else 1]
        at = [ctypes.c_void_p(v.ctypes.data) for v in (a, b, c)]

        def matrices(count: int) -> None:
            call = getattr(self.calls, f"matrices_{self.bits}")
            call(self.gemm, *map(ctypes.c_int64, (count, m, n, k)), int(ta), int(tb), *at)

        def by_vector(rows: int, columns: int, turned: bool, matrix: int) -> Callable[[int], None]:
            call = getattr(self.calls, f"vector_{self.bits}")
            given = at[matrix], at[1 - matrix], at[2]

            def take(count: int) -> None:
                sizes = map(ctypes.c_int64, (count, rows, columns))
                call(self.gemv, *sizes, int(turned), *given)

            return take

        out: list[Callable[[int], None]] = [matrices]
        if m == 1 and k > 1:
            out.append(by_vector(k, n, True, 1) if tb else by_vector(n, k, False, 1))
        elif n == 1 and k > 1:
            out.append(by_vector(m, k, False, 0) if ta else by_vector(k, m, True, 0))
        return out
