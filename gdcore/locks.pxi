# locks.pxi: the locks of a model: ReadWriteLock for its parameters, TrainingLock for `fit`. Part of _core.pyx.
#
# They are written in Cython because Python checks for signals between any two bytecodes: a lock acquired and
# released in Python is left held if Ctrl-C arrives in between. Here signals are checked only while a thread
# waits.

# Forks that led to this process. A lock that was held before a fork may be held by a thread that the child
# does not have; comparing this count with the one at which the lock was made tells so.
cdef unsigned long forks = 0


def _count_fork():
    global forks
    forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


cdef struct reader:
    unsigned long thread
    Py_ssize_t depth  # how often it has acquired the lock


cdef class ReadWriteLock:
    """A fair (first in, first out), reentrant readers-writer lock.

    `Runner` acquires it by `enter` and `leave`. In Python, ``with lock:`` acquires it for writing; runs of the
    same thread within the block acquire it again. A signal handler runs while its thread is inside a run:
    it may read, and gets a RuntimeError where it would write.

    It counts how often what it guards may have changed: runs of prediction keep packed copies of weights.

    Attributes
    ----------
    lent : bool
        Whether somebody has a writable view of what it guards, and may change it without the lock.
    """
    cdef public bint lent
    cdef int64_t version  # how often a writer has released it
    cdef Py_ssize_t depth  # how often the writer has acquired it
    cdef unsigned long owner  # the thread that writes, or 0
    cdef bint running  # whether the writer is inside a run, not only inside ``with lock:``
    cdef reader *readers  # those who read, in no order; they are few, and a dict of Python ints is slower
    cdef Py_ssize_t n_readers, room
    cdef unsigned long born  # `forks` when the lock was made or last reset
    cdef object queue  # waiting threads: (thread, wants to write, lock that is released to wake it)

    def __cinit__(self):
        self.queue = collections.deque()
        self.born = forks
        self.reserve(4)

    def __dealloc__(self):
        free(self.readers)

    cdef int reserve(self, Py_ssize_t n) except -1:
        """Make room for so many readers."""
        if n > self.room:
            more = <reader *>realloc(self.readers, 2 * n * sizeof(reader))
            if more == NULL:
                raise MemoryError()
            self.readers, self.room = more, 2 * n
        return 0

    cdef reader *reading(self, unsigned long thread) noexcept:
        """A thread's place among those who read, or NULL."""
        cdef Py_ssize_t i
        for i in range(self.n_readers):
            if self.readers[i].thread == thread:
                return &self.readers[i]
        return NULL

    cdef int enter(self, bint write, bint run) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        cdef reader *mine
        lock = None
        with cython.critical_section(self):
            if self.born != forks:  # the holders are threads of the parent process
                self.owner = self.depth = self.running = self.n_readers = 0
                self.queue.clear()
                self.born = forks
                self.version += 1
            mine = self.reading(me)
            if self.owner == me and not (write and self.running):
                self.depth += 1
                self.running = self.running or (write and run)
            elif self.owner == me or (write and mine != NULL):
                raise RuntimeError(
                    "a model cannot be trained, nor its weights set, while a step of it runs, by a signal handler "
                    "or a callback within the step: note what is to be done, and do it after the call"
                )
            elif mine != NULL:
                mine.depth += 1
            elif self.owner == 0 and not self.queue and not (write and self.n_readers):
                self.reserve(self.n_readers + 1)
                self.admit(me, write)
                self.running = write and run
            else:
                self.reserve(self.n_readers + len(self.queue) + 1)  # whoever leaves admits without asking for memory
                lock = threading.Lock()
                lock.acquire()
                waiting = (me, write, lock)
                # A signal handler that interrupts this thread's own wait goes before it: the interrupted wait
                # cannot continue until the handler returns.
                at = [i for i, (thread, _, _) in enumerate(self.queue) if thread == me]
                self.queue.insert(at[0] if at else len(self.queue), waiting)
        if lock is None:
            return 0
        try:
            lock.acquire()
        except BaseException:  # Ctrl-C while waiting
            try:
                self.queue.remove(waiting)
            except ValueError:  # the lock had been handed to this thread already
                self.leave(False)
            raise
        if write:
            self.running = run
        return 0

    cdef void admit(self, unsigned long thread, bint write) noexcept:
        """Record that a thread holds the lock; there is room for one more reader."""
        if write:
            self.owner, self.depth = thread, 1
        else:
            self.readers[self.n_readers].thread, self.readers[self.n_readers].depth = thread, 1
            self.n_readers += 1

    cdef int leave(self, bint ran) except -1:
        """Release what `enter` acquired, and wake waiting threads; `ran` as `write and run` of `enter`."""
        cdef unsigned long me = PyThread_get_thread_ident()
        cdef reader *mine
        with cython.critical_section(self):
            if self.owner == me:
                self.running = self.running and not ran
                self.depth -= 1
                if self.depth == 0:
                    self.owner = 0
                    self.version += 1
            else:
                mine = self.reading(me)
                if mine != NULL:
                    mine.depth -= 1
                    if mine.depth == 0:
                        self.n_readers -= 1
                        mine[0] = self.readers[self.n_readers]
            while self.queue and self.owner == 0:
                thread, write, lock = self.queue[0]
                if write and self.n_readers:
                    break
                self.queue.popleft()
                self.admit(thread, write)
                lock.release()
        return 0

    cdef int64_t unchanged_since(self) noexcept:
        """For one who holds it: a number that stays the same for as long as nothing is written; -1: that is unknown."""
        return -1 if self.lent or self.owner else self.version

    def __enter__(self):
        self.enter(True, False)
        return self

    def __exit__(self, *error):
        self.leave(False)


@cython.auto_pickle(False)
cdef class TrainingLock:
    """Held by the one thread that is inside `fit` of a model; reentrant, and acquired without waiting."""
    cdef unsigned long owner, born
    cdef Py_ssize_t depth

    @property
    def taken(self):
        """Whether any thread, this one included, holds it."""
        return self.depth > 0 and self.born == forks

    cpdef int check(self) except -1:
        """Raises RuntimeError if another thread holds it."""
        if self.depth and self.born == forks and self.owner != PyThread_get_thread_ident():
            raise RuntimeError(
                "the model is being trained by another thread: wait until it is done, or give each "
                "thread a model of its own"
            )
        return 0

    def __enter__(self):
        with cython.critical_section(self):
            self.check()
            if self.born != forks:  # the holder is a thread of the parent process
                self.depth, self.born = 0, forks
            self.owner = PyThread_get_thread_ident()
            self.depth += 1
        return self

    def __exit__(self, *error):
        with cython.critical_section(self):
            self.depth = max(self.depth - 1, 0)


@cython.auto_pickle(False)
cdef class StepCount:
    """Training steps of a model, incremented in C: a signal that arrives after a run cannot lose any."""
    cdef public int64_t done
