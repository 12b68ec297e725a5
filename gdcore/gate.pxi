# gate.pxi: who may touch a model's numbers, and who may train it. Part of _core.pyx.
#
# Python hears Ctrl-C between two of its own instructions, so that what takes and gives back in Python loses
# a lock now and then. Within these classes it is heard only where a lock is waited for.

cdef unsigned long forks = 0  # of this process and its ancestors: a child has none of its parent's other threads


def _count_fork():
    global forks
    forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count_fork)


cdef class Gate:
    """A readers-writer lock, first come, first served, that a thread may take again.

    Runs pass it in C (`enter` and `leave`); ``with gate:`` is a writer's turn in Python, within which runs
    of the same thread pass. A signal handler interrupts a run between two pieces of its work: it may read
    then, and is refused where it would change what the run works on.
    """
    cdef Py_ssize_t depth
    cdef unsigned long owner  # the thread that writes, or 0
    cdef bint running  # whether it is within a run
    cdef dict reading  # how often each thread has entered to read
    cdef unsigned long born
    cdef object queue  # of (thread, whether it wants to write, lock to be released when it may)

    def __cinit__(self):
        self.queue = collections.deque()
        self.reading = {}
        self.born = forks

    cdef int enter(self, bint write, bint run) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        lock = None
        with cython.critical_section(self):
            if self.born != forks:  # those who were inside stayed in the parent
                self.owner = self.depth = self.running = 0
                self.reading.clear()
                self.queue.clear()
                self.born = forks
            if self.owner == me and not (write and self.running):
                self.depth += 1
                self.running = self.running or (write and run)
            elif self.owner == me or (write and me in self.reading):
                raise RuntimeError(
                    "a model cannot be trained, nor its weights set, while a step of it runs, by a signal handler "
                    "or a callback within the step: note what is to be done, and do it after the call"
                )
            elif me in self.reading:
                self.reading[me] += 1
            elif self.owner == 0 and not self.queue and not (write and self.reading):
                self.admit(me, write)
                self.running = write and run
            else:
                lock = threading.Lock()
                lock.acquire()
                turn = (me, write, lock)
                # A handler that interrupts a wait goes first: what it interrupted goes on when it is done.
                at = [i for i, (thread, _, _) in enumerate(self.queue) if thread == me]
                self.queue.insert(at[0] if at else len(self.queue), turn)
        if lock is None:
            return 0
        try:
            lock.acquire()
        except BaseException:  # Ctrl-C while waiting
            try:
                self.queue.remove(turn)
            except ValueError:  # it was our turn already
                self.leave(False)
            raise
        if write:
            self.running = run
        return 0

    cdef void admit(self, unsigned long thread, bint write) noexcept:
        if write:
            self.owner, self.depth = thread, 1
        else:
            self.reading[thread] = 1

    cdef int leave(self, bint ran) except -1:
        """Give back what `enter` took; `ran` says whether it was for a run that writes."""
        cdef unsigned long me = PyThread_get_thread_ident()
        with cython.critical_section(self):
            if self.owner == me:
                self.running = self.running and not ran
                self.depth -= 1
                if self.depth == 0:
                    self.owner = 0
            elif self.reading.get(me, 0) > 1:
                self.reading[me] -= 1
            else:
                self.reading.pop(me, None)
            while self.queue and self.owner == 0:
                thread, write, lock = self.queue[0]
                if write and self.reading:
                    break
                self.queue.popleft()
                self.admit(thread, write)
                lock.release()
        return 0

    def __enter__(self):
        self.enter(True, False)
        return self

    def __exit__(self, *error):
        self.leave(False)


@cython.auto_pickle(False)
cdef class Turn:
    """Training a model, which one thread may do at a time; ``with turn:``, within another one if need be."""
    cdef unsigned long owner, born
    cdef Py_ssize_t depth

    @property
    def taken(self):
        """Whether it is a thread's turn, this one's or another's."""
        return self.depth > 0 and self.born == forks

    cpdef int check(self) except -1:
        """Raises RuntimeError if it is another thread's turn."""
        if self.depth and self.born == forks and self.owner != PyThread_get_thread_ident():
            raise RuntimeError(
                "the model is being trained by another thread: wait until it is done, or give each "
                "thread a model of its own"
            )
        return 0

    def __enter__(self):
        with cython.critical_section(self):
            self.check()
            if self.born != forks:  # the thread whose turn it was stayed in the parent
                self.depth, self.born = 0, forks
            self.owner = PyThread_get_thread_ident()
            self.depth += 1
        return self

    def __exit__(self, *error):
        with cython.critical_section(self):
            self.depth = max(self.depth - 1, 0)


@cython.auto_pickle(False)
cdef class StepCount:
    """Training steps of a model, counted where they are taken: an interrupt that comes after a run loses none."""
    cdef public int64_t done
