"""How many threads a step is given: by its size, or by what it took on one thread and on more."""

import numpy as np
import pytest

import gdcore as gd
from gdcore.engine import thread_count

THREADS = 4


class Steps:
    """A plan of so many instructions, whose steps take this long on one thread."""

    def __init__(self, instructions, microseconds):
        self.batch, self.instructions = 1, [None] * instructions
        self.microseconds = lambda batch: microseconds


@pytest.fixture
def clock(monkeypatch):
    """Time that stands still unless it is told otherwise."""
    now = [0.0]
    monkeypatch.setattr(thread_count, "perf_counter", lambda: now[0])
    monkeypatch.setattr(gd.runtime, "_threads", THREADS)
    return now


def middling():
    return thread_count.ThreadCount(Steps(13, 20 * 4 * thread_count.MIN_WORK))


def taken(at, clock, seconds, calls):
    """The threads of so many calls of three steps each, which take `seconds[threads]` a step."""
    given = []
    for _ in range(calls):
        given.append(at.pick())
        begun = clock[0]
        clock[0] += 3 * seconds[given[-1]]
        at.note(given[-1], begun, 3)
    return given


def test_small_steps_have_one_thread_and_large_ones_all(clock):
    small = thread_count.ThreadCount(Steps(13, 20 * 0.9 * thread_count.MIN_WORK))
    large = thread_count.ThreadCount(
        Steps(13, 20 * 1.1 * thread_count.MIN_WORK * thread_count.CLEAR)
    )
    for seconds in ({1: 1.0, THREADS: 2.0}, {1: 2.0, THREADS: 1.0}):
        assert set(taken(small, clock, seconds, 100)) == {1}
        assert set(taken(large, clock, seconds, 100)) == {THREADS}


@pytest.mark.parametrize("better, other", [(1, THREADS), (THREADS, 1)])
def test_what_was_faster_is_taken_and_the_other_tried_now_and_then(clock, better, other):
    given = taken(middling(), clock, {better: 1.0, other: 2.0}, 4 + 60 + 10 * thread_count.AGAIN)
    assert given[:4] == [THREADS, 1, THREADS, 1]
    tries = [i - 3 for i, threads in enumerate(given) if threads == other and i > 3]
    assert tries == [4, 12, 28, 60, *(60 + thread_count.AGAIN * n for n in range(1, 11))]


def test_one_slow_call_changes_nothing_and_two_do(clock):
    at = middling()
    taken(at, clock, {1: 2.0, THREADS: 1.0}, 4 + 6)  # just after a try
    assert taken(at, clock, {1: 2.0, THREADS: 9.0}, 1) == [THREADS]
    assert taken(at, clock, {1: 2.0, THREADS: 1.0}, 1) == [THREADS]
    assert taken(at, clock, {1: 2.0, THREADS: 9.0}, 3) == [THREADS, THREADS, 1]


def test_a_call_without_a_step_says_nothing(clock):
    at = middling()
    at.note(at.pick(), clock[0], 0)
    assert not at.took


def test_one_thread_is_one(clock, monkeypatch):
    monkeypatch.setattr(gd.runtime, "_threads", 1)
    assert set(taken(middling(), clock, {1: 2.0}, 40)) == {1}


@pytest.mark.parametrize("seconds", [{1: 1.0, THREADS: 2.0}, {1: 2.0, THREADS: 1.0}])
def test_training_and_asking_take_the_faster_one(seconds, monkeypatch):
    """Through `fit`, `train_on_batch` and `predict`, and the bits are those of one thread."""
    now, given = [0.0], []
    monkeypatch.setattr(gd.runtime, "_threads", THREADS)
    monkeypatch.setattr(thread_count, "perf_counter", lambda: now[0])
    monkeypatch.setattr(thread_count.ThreadCount, "work", thread_count.MIN_WORK * 2)
    pick, note = thread_count.ThreadCount.pick, thread_count.ThreadCount.note

    def picked(self):
        given.append(pick(self))
        return given[-1]

    def noted(self, threads, begun, steps):
        now[0] = begun + seconds[threads] * steps
        note(self, threads, begun, steps)

    monkeypatch.setattr(thread_count.ThreadCount, "pick", picked)
    monkeypatch.setattr(thread_count.ThreadCount, "note", noted)
    monkeypatch.setattr("gdcore.engine.session.perf_counter", lambda: now[0])
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("f")
    y = x[:, :1].copy()

    def trained():
        model = gd.Sequential([gd.Dense(5, activation="tanh"), gd.Dense(1)]).compile("adam", "mse")
        model.fit(x, y, epochs=20, seed=0)
        for _ in range(20):
            model.train_on_batch(x, y)
        return [model.predict(x) for _ in range(20)][-1]

    got = trained()
    assert given.count(min(seconds, key=seconds.get)) > 0.8 * len(given) > 40
    monkeypatch.setattr(gd.runtime, "_threads", 1)
    assert np.array_equal(got, trained())
