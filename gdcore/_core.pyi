"""Types of the compiled module; see _core.pyx."""

from types import TracebackType
from typing import Any, Self, final

from typing_extensions import disjoint_base  # a stub's own: nothing imports it at run time

DONE: int
PAUSED: int
NOT_FINITE: int
MAP_DIMS: int
MAP_REGISTERS: int

def isa_names() -> list[tuple[str, bool]]: ...
def bf16_supported() -> bool: ...
def map_op_names() -> list[str]: ...
def chain_keys() -> list[str]: ...
def panels_size(k: int, n: int) -> int: ...
def source_names() -> list[str]: ...
def kernel_names() -> list[str]: ...
def build_flags() -> str: ...
def openmp_threads() -> int: ...
def openmp() -> str: ...
def permutation(order: Any, seed: int, stream: int) -> None: ...
def random_words(out: Any, key: int, stream: int, first: int) -> None: ...
def random_uniform(
    out: Any, key: int, stream: int, first: int, low: float, width: float
) -> None: ...

@disjoint_base
class ReadWriteLock:
    lent: bool
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

@disjoint_base
class TrainingLock:
    @property
    def taken(self) -> bool: ...
    def check(self) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

@disjoint_base
class StepCount:
    done: int

@disjoint_base
class Plan:
    @property
    def scratch(self) -> int: ...
    def __new__(
        cls,
        isa: int,
        bits: int,
        instructions: list[Any],
        n_compute: int,
        flag: tuple[int, int] | None,
        n_gradients: int | None = None,
        meet: bytes | None = None,
        n_packing: int = 0,
    ) -> Self: ...

@final
class Kinds:
    def __new__(
        cls,
        isa: int,
        bits: int,
        least: int,
        most: int,
        kinds: list[tuple[str, tuple[int, ...], int, int, float, int, bool]],
    ) -> Self: ...

@disjoint_base
class Runner:
    def __new__(
        cls,
        plan: Plan,
        batch: int,
        buffers: list[Any],
        feeds: list[tuple[int, int, int, Any]] | list[tuple[int, int, int, Any, int]],
        taps: list[tuple[tuple[int, int, int], int]],
        loss: tuple[int, int, int] | None,
        hyper_buffer: int,
        lock: ReadWriteLock | None,
        writes: bool,
        count: StepCount | None = None,
    ) -> Self: ...
    def run(
        self,
        data: tuple[Any, ...],
        order: Any,
        rows: int,
        batch: int,
        first: int,
        steps: int,
        seed: int,
        counter: int,
        hyper: Any,
        losses: Any,
        outputs: tuple[Any, ...],
        threads: int,
        scratch: Any,
        seconds: float,
        spent: Any = None,
        exchange: Any = None,
    ) -> tuple[int, int]: ...
    def repeat(
        self,
        kinds: Kinds,
        arrays: tuple[Any, ...],
        outputs: tuple[Any, ...],
        hyper: Any,
        row: int,
        seed: int,
        counter: int,
        threads: int,
        scratch: Any,
    ) -> float | None: ...
