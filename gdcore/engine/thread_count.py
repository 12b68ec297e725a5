"""How many threads a step is given: by its size where that says enough, else by what it took.

A second thread halves the arithmetic, but all meet after each instruction, and what one has written the other
has to fetch. What that costs depends on where the cores lie, and on a virtual machine they are moved. The bits
of a step are the same on any number of threads, so that it can be tried, now and then, which is faster.
"""

from __future__ import annotations

from functools import cached_property
from time import perf_counter

from gdcore import runtime
from gdcore.graph.plan import Plan

# Microseconds of one thread's work between two meetings. With less, threads are in each other's way; with CLEAR
# times as much they never are. bench/threads.py measures it. To begin costs as much as BEGINNING meetings.
MEETING = 4.0
BEGINNING = 7
CLEAR = 100

TRIED = 2  # times that count: of two, the lower one is not the chance of a moment
# The slower number is tried again after so many calls: soon at first, twice as late each time.
SOON, AGAIN = 4, 64


class Pace:
    """What the steps of a plan took on one thread and on all that there may be.

    Parameters
    ----------
    plan : Plan
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.better, self.calls, self.wait = 0, 0, SOON
        self.took: dict[int, list[float]] = {}

    @cached_property
    def between(self) -> float:
        """Microseconds of one thread's work between two meetings, about."""
        plan = self.plan
        return plan.microseconds(plan.batch) / (BEGINNING + len(plan.instructions))

    def most(self) -> int:
        """How many threads it may be given."""
        return runtime.get_num_threads() if self.between >= MEETING else 1

    def pick(self) -> int:
        """How many threads it is given now."""
        most = self.most()
        if most == 1 or self.between >= CLEAR * MEETING:
            return most
        shared, alone = self.took.get(most, []), self.took.get(1, [])
        if len(shared) < TRIED or len(alone) < TRIED:
            return most if len(shared) <= len(alone) else 1
        better, other = (most, 1) if min(shared) <= min(alone) else (1, most)
        if better != self.better:  # it may be by chance
            self.better, self.calls, self.wait = better, 0, SOON
        self.calls += 1
        if self.calls < self.wait:
            return better
        self.calls, self.wait = 0, min(2 * self.wait, AGAIN)
        return other

    def note(self, threads: int, begun: float, steps: int) -> None:
        """So many steps were taken since `begun`, of `perf_counter`."""
        if steps and MEETING <= self.between < CLEAR * MEETING:
            before = self.took.get(threads, [])
            self.took[threads] = [*before, (perf_counter() - begun) / steps][-TRIED:]
