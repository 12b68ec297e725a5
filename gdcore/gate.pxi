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
    """Lets in any number of those who read, or one who writes: first come, first served.

    Whoever leaves hands over to those at the head of the queue, so that nobody waits for ever. Runs
    pass it in C's way (`enter` and `leave`); ``with gate:`` is a writer's turn in Python, within
    which runs of the same thread pass.
    """
    cdef Py_ssize_t readers, depth
    cdef unsigned long owner  # the thread that writes, or 0
    cdef unsigned long born
    cdef object queue  # of (thread that wants to write or 0, lock to be released when it may)

    def __cinit__(self):
        self.queue = collections.deque()
        self.born = forks

    cdef int enter(self, bint write) except -1:
        cdef unsigned long me = PyThread_get_thread_ident()
        lock = None
        with cython.critical_section(self):
            if self.born != forks:  # those who were inside stayed in the parent
                self.readers = self.owner = self.depth = 0
                self.queue.clear()
                self.born = forks
            if self.owner == me:
                self.depth += 1
            elif self.owner == 0 and not self.queue and not (write and self.readers):
                self.admit(me if write else 0)
            else:
                lock = threading.Lock()
                lock.acquire()
                turn = (me if write else 0, lock)
                self.queue.append(turn)
        if lock is None:
            return 0
        try:
            lock.acquire()
        except BaseException:  # Ctrl-C while waiting
            try:
                self.queue.remove(turn)
            except ValueError:  # it was our turn already
                self.leave()
            raise
        return 0

    cdef void admit(self, unsigned long writer) noexcept:
        if writer:
            self.owner, self.depth = writer, 1
        else:
            self.readers += 1

    cdef int leave(self) except -1:
        with cython.critical_section(self):
            if self.owner:
                self.depth -= 1
                if self.depth == 0:
                    self.owner = 0
            elif self.readers:
                self.readers -= 1
            while self.queue and self.owner == 0:
                writer, lock = self.queue[0]
                if writer and self.readers:
                    break
                self.queue.popleft()
                self.admit(writer)
                lock.release()
        return 0

    def __enter__(self):
        self.enter(True)
        return self

    def __exit__(self, *error):
        self.leave()


@cython.auto_pickle(False)
cdef class Turn:
    """Training a model, which one thread may do at a time; ``with turn:``, within another one if need be."""
    cdef unsigned long owner, born
    cdef Py_ssize_t depth

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
