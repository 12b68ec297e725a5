# Part of _core.pyx: a plan bound to memory, and what runs it.


@cython.final
cdef class Kinds:
    """What the arrays of a call look like that `Runner.again` repeats.

    isa, bits : of the plan
    least, most : samples that they may have
    kinds : for each feed (format, shape of a sample, source type code, feed type, scale, limit, finite):
        the buffer protocol's letter; whole numbers must lie in 0 ... limit - 1 unless it is 0; reals must be
        finite where `finite` says so
    """
    cdef int isa, n
    cdef int64_t least, most
    cdef gd_feed feeds[GD_MAX_BUFFERS]
    cdef char letters[GD_MAX_BUFFERS]
    cdef int64_t limits[GD_MAX_BUFFERS]
    cdef bint finite[GD_MAX_BUFFERS]
    cdef tuple shapes

    def __cinit__(self, int isa, int bits, int64_t least, int64_t most, list kinds):
        cdef int i
        self.isa, self.least, self.most, self.n = isa, least, most, len(kinds)
        if self.n > GD_MAX_BUFFERS:
            raise ValueError(f"{self.n} arrays: at most {GD_MAX_BUFFERS} are possible")
        shapes = []
        for i, (letter, shape, source, kind, scale, limit, finite) in enumerate(kinds):
            self.letters[i] = ord(letter)
            self.limits[i], self.finite[i] = limit, finite
            self.feeds[i].source, self.feeds[i].type, self.feeds[i].scale = source, kind, scale
            self.feeds[i].convert = gd_converter(isa, bits, source, kind)
            self.feeds[i].row = 1
            for d in shape:
                self.feeds[i].row *= d
            shapes.append(tuple(shape))
        self.shapes = tuple(shapes)

    cdef bint fit(self, int i, Py_buffer *view, int64_t rows):
        cdef int d
        cdef tuple shape = <tuple>self.shapes[i]
        if view.format == NULL or view.format[0] != self.letters[i] or view.format[1] != 0:
            return False
        if view.ndim != <int>len(shape) + 1 or view.shape[0] != rows or not self.least <= rows <= self.most:
            return False
        for d in range(view.ndim - 1):
            if view.shape[d + 1] != <int64_t>shape[d]:
                return False
        return gd_acceptable(view.buf, self.feeds[i].source, view.len // view.itemsize, self.limits[i], self.finite[i])


cdef class Runner:
    """A plan bound to its buffers.

    Parameters
    ----------
    plan : Plan
    buffers : list of writable, C-contiguous arrays, by buffer number; None for those that a feed sets
    feeds : list of (buffer, type, elements of a row, stage array)
    taps : list of ((buffer, type, offset), bytes of a row)
    loss : (buffer, type, offset) or None
    hyper_buffer : int, or -1
    gate : Gate of the memory that models share, or None
    writes : whether a run writes to that memory
    """
    cdef gd_job job
    cdef Plan plan
    cdef Py_buffer held[GD_MAX_BUFFERS * 3]
    cdef int n_held
    cdef Gate gate
    cdef bint writes
    cdef readonly int64_t taken  # steps completed since the plan was made
    cdef object __weakref__

    def __cinit__(self, Plan plan, list buffers, list feeds, list taps, loss, int hyper_buffer,
                  Gate gate, bint writes):
        cdef int i
        self.plan = plan
        self.gate, self.writes = gate, writes
        self.job.plan = &plan.plan
        if len(buffers) > GD_MAX_BUFFERS:
            raise ValueError(f"a plan with {len(buffers)} buffers: at most {GD_MAX_BUFFERS} are possible")
        self.job.n_buffers = len(buffers)
        for i in range(len(buffers)):
            self.job.base[i] = NULL if buffers[i] is None else <char *>self.hold(buffers[i], True)
        self.job.n_feeds = len(feeds)
        self.job.n_taps = len(taps)
        self.job.feeds = <gd_feed *>calloc(len(feeds) + 1, sizeof(gd_feed))
        self.job.taps = <gd_tap *>calloc(len(taps) + 1, sizeof(gd_tap))
        if not self.job.feeds or not self.job.taps:
            raise MemoryError()
        for i in range(len(feeds)):
            self.job.feeds[i].buffer, self.job.feeds[i].type, self.job.feeds[i].row, stage = feeds[i]
            self.job.feeds[i].stage = <char *>self.hold(stage, True)
        for i in range(len(taps)):
            (self.job.taps[i].from_.buffer, self.job.taps[i].from_.type,
             self.job.taps[i].from_.offset), self.job.taps[i].row_bytes = taps[i]
        self.job.loss.buffer = -1
        if loss is not None:
            self.job.loss.buffer, self.job.loss.type, self.job.loss.offset = loss
        self.job.hyper_buffer = hyper_buffer

    cdef void *hold(self, array, bint writable) except? NULL:
        cdef Py_buffer *view = &self.held[self.n_held]
        PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | (PyBUF_WRITABLE if writable else 0))
        self.n_held += 1
        return view.buf

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_held):
            PyBuffer_Release(&self.held[i])
        free(self.job.feeds)
        free(self.job.taps)

    def again(self, Kinds kinds, tuple arrays, tuple outputs, hyper, int64_t row, uint64_t seed, uint64_t counter,
              int threads, scratch):
        """One step over arrays that are as `kinds` has it, with little asked. Returns its loss (0 where there is
        none), or None, and nothing is changed, if they are something else or a number is not finite.

        hyper : array of rows of numbers for the plan, of which this step takes number `row`; or None
        The others are as for `run`.
        """
        cdef Py_buffer views[GD_MAX_BUFFERS * 2 + 2]
        cdef int n = 0, i
        cdef int32_t status = 0
        cdef int64_t done = 0
        cdef double loss = 0
        cdef gd_feed own
        cdef gd_job job
        cdef list caught = []
        job = self.job
        job.heard, job.listener = heard, <void *>caught
        if <Py_ssize_t>len(arrays) != kinds.n or kinds.n != job.n_feeds or kinds.isa != self.plan.isa:
            return None
        if self.gate is not None:  # now, for whoever runs this plan meanwhile has its feeds
            self.gate.enter(self.writes)
        try:
            for i in range(job.n_feeds):
                PyObject_GetBuffer(arrays[i], &views[n], PyBUF_STRIDES | PyBUF_FORMAT)
                n += 1
                if not PyBuffer_IsContiguous(&views[n - 1], b"C") or not kinds.fit(i, &views[n - 1], views[0].shape[0]):
                    return None
                own = job.feeds[i]
                job.feeds[i] = kinds.feeds[i]
                job.feeds[i].buffer, job.feeds[i].stage = own.buffer, own.stage
                job.feeds[i].rows = views[0].shape[0]
                job.feeds[i].pitch = job.feeds[i].row * views[n - 1].itemsize
                job.feeds[i].data = <const char *>views[n - 1].buf
            job.rows = job.batch = views[0].shape[0]
            job.order, job.spent, job.hyper, job.losses = NULL, NULL, NULL, &loss
            if hyper is not None:
                PyObject_GetBuffer(hyper, &views[n], PyBUF_C_CONTIGUOUS)
                n += 1
                job.hyper_bytes = views[n - 1].strides[0]
                job.hyper = <const char *>views[n - 1].buf + row * job.hyper_bytes
            for i in range(job.n_taps):
                PyObject_GetBuffer(outputs[i], &views[n], PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
                job.taps[i].to = <char *>views[n].buf
                n += 1
            PyObject_GetBuffer(scratch, &views[n], PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
            n += 1
            if views[n - 1].len < <Py_ssize_t>threads * self.plan.scratch:
                raise ValueError("scratch is too small for this many threads")
            job.scratch = <char *>views[n - 1].buf
            job.first, job.steps, job.seed, job.counter = 0, 1, seed, counter
            job.threads, job.seconds = threads, 1.0
            with nogil:
                done = gd_run_job(&job, &status)
            self.taken += done
        finally:
            for i in range(n):
                PyBuffer_Release(&views[i])
            if self.gate is not None:
                self.gate.leave()
        if caught:
            raise caught[0]
        return loss if done else None

    def run(self, tuple data, order, int64_t rows, int64_t batch, int64_t first, int64_t steps,
            uint64_t seed, uint64_t counter, hyper, losses, tuple outputs, int threads, scratch, double seconds,
            spent=None):
        """Take up to `steps` steps; returns (steps completed, DONE | PAUSED | NOT_FINITE).

        data : one (array, source type code, scale) for each feed, at least `rows` samples each. An array's
            rows are contiguous, and lie any distance apart; a tuple (numbers, columns, starts) of
            contiguous arrays is a compressed sparse matrix, whose indices have been checked.
        order : int64 array of sample numbers, or None
        hyper : array of `steps` rows of numbers for the plan, or None
        losses : float64 array of at least `steps`, or None where there is no loss
        outputs : one array for each tap, room for the rows of these steps
        spent : float64 array, one number for each instruction, to which its seconds are added, or None
        """
        cdef Py_buffer views[GD_MAX_BUFFERS * 4 + 5]
        cdef int n = 0, i
        cdef int32_t status = 0
        cdef int64_t done
        cdef gd_job job
        cdef list caught = []
        job = self.job
        job.heard, job.listener = heard, <void *>caught
        try:
            for i in range(job.n_feeds):
                array, job.feeds[i].source, job.feeds[i].scale = data[i]
                job.feeds[i].rows = rows
                job.feeds[i].convert = gd_converter(
                    self.plan.isa, self.plan.plan.bits, job.feeds[i].source, job.feeds[i].type
                )
                job.feeds[i].columns = NULL
                if isinstance(array, tuple):
                    for part in array:
                        PyObject_GetBuffer(part, &views[n], PyBUF_C_CONTIGUOUS)
                        n += 1
                    job.feeds[i].data = <const char *>views[n - 3].buf
                    job.feeds[i].columns = views[n - 2].buf
                    job.feeds[i].starts = views[n - 1].buf
                    job.feeds[i].wide = views[n - 1].itemsize == 8
                    continue
                PyObject_GetBuffer(array, &views[n], PyBUF_STRIDES)
                job.feeds[i].data = <const char *>views[n].buf
                job.feeds[i].pitch = views[n].strides[0]
                n += 1
            job.order = NULL
            if order is not None:
                PyObject_GetBuffer(order, &views[n], PyBUF_C_CONTIGUOUS)
                job.order = <const int64_t *>views[n].buf
                n += 1
            job.hyper = NULL
            if hyper is not None:
                PyObject_GetBuffer(hyper, &views[n], PyBUF_C_CONTIGUOUS)
                job.hyper = <const char *>views[n].buf
                job.hyper_bytes = views[n].len // steps if steps else 0
                n += 1
            if losses is not None:
                PyObject_GetBuffer(losses, &views[n], PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
                job.losses = <double *>views[n].buf
                n += 1
            for i in range(job.n_taps):
                PyObject_GetBuffer(outputs[i], &views[n], PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
                job.taps[i].to = <char *>views[n].buf
                n += 1
            PyObject_GetBuffer(scratch, &views[n], PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
            job.scratch = <char *>views[n].buf
            if views[n].len < <Py_ssize_t>threads * self.plan.scratch:
                raise ValueError("scratch is too small for this many threads")
            n += 1
            job.spent = NULL
            if spent is not None:
                PyObject_GetBuffer(spent, &views[n], PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
                job.spent = <double *>views[n].buf
                n += 1
            job.rows, job.batch, job.first, job.steps = rows, batch, first, steps
            job.seed, job.counter = seed, counter
            job.threads, job.seconds = threads, seconds
            if self.gate is not None:
                self.gate.enter(self.writes)
            try:
                with nogil:
                    done = gd_run_job(&job, &status)
                self.taken += done
            finally:
                if self.gate is not None:
                    self.gate.leave()
        finally:
            for i in range(n):
                PyBuffer_Release(&views[i])
        if caught:
            raise caught[0]
        return done, status
