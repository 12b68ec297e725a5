"""How many threads a step is given: decided by its size if that is clear, else by measured times.

A second thread halves the arithmetic, but all threads synchronize at a barrier after each instruction, and what
one core has written is fetched into the caches of the others. What that costs depends on which cores the threads
run on, and a virtual machine may move them. Results are the same to the bit on any number of threads, so steps
of middling size are timed while they run, now and then on the other number of threads.
"""

from __future__ import annotations

from functools import cached_property
from time import perf_counter

from gdcore import runtime
from gdcore.graph.plan import Plan

# Microseconds of one thread's work between two barriers, below which more threads are slower; above CLEAR times
# as much they are always faster. bench/threads.py measures it. Starting a step costs about as much as
# START_BARRIERS barriers.
MIN_WORK = 4.0
START_BARRIERS = 7
CLEAR = 100

TRIED = 2  # the latest times that are kept for each thread count; the lower counts, as noise only adds time
# The slower thread count is tried again after SOON calls, then after twice as many each time, up to AGAIN.
SOON, AGAIN = 4, 64


class ThreadCount:
    """Chooses between one thread and all, by times of the steps of one plan.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.better, self.calls, self.wait = 0, 0, SOON
        self.took: dict[int, list[float]] = {}

    @cached_property
    def work(self) -> float:
        """Estimated microseconds of one thread's work between two barriers."""
        plan = self.plan
        return plan.microseconds(plan.batch) / (START_BARRIERS + len(plan.instructions))

    @cached_property
    def single(self) -> bool:
        """Whether steps are so small that they always run on one thread."""
        return self.work < MIN_WORK

    def most(self) -> int:
        """The largest number of threads that may be chosen."""
        return 1 if self.single else runtime.get_num_threads()

    def pick(self) -> int:
        """The number of threads for the next call."""
        most = self.most()
        if most == 1 or self.work >= CLEAR * MIN_WORK:
            return most
        shared, alone = self.took.get(most, []), self.took.get(1, [])
        if len(shared) < TRIED or len(alone) < TRIED:
            return most if len(shared) <= len(alone) else 1
        better, other = (most, 1) if min(shared) <= min(alone) else (1, most)
        if better != self.better:  # may be noise: try the other one again soon
            self.better, self.calls, self.wait = better, 0, SOON
        self.calls += 1
        if self.calls < self.wait:
            return better
        self.calls, self.wait = 0, min(2 * self.wait, AGAIN)
        return other

    def note(self, threads: int, begun: float, steps: int) -> None:
        """Record that `steps` steps were taken since the time `begun` of `perf_counter`."""
        if steps and MIN_WORK <= self.work < CLEAR * MIN_WORK:
            before = self.took.get(threads, [])
            self.took[threads] = [*before, (perf_counter() - begun) / steps][-TRIED:]
