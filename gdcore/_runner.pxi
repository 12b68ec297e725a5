# Part of _core.pyx: a plan bound to its buffers, and the calls that run it.


cdef class Runner:
    """A plan bound to its buffers.

    Parameters
    ----------
    plan : Plan
    batch : int
        The largest batch.
    buffers : list of writable, C-contiguous arrays, by buffer number; None for those of the feeds
    feeds : list of (buffer, type, elements of a row, staging array[, part])
        The inputs of the plan: rows of the data are gathered and converted into the staging array. `part` is 0, or,
        of rows of a CSR matrix alone, 1 for their columns and 2 for their numbers.
    taps : list of ((buffer, type, byte offset), bytes of a row)
        The values that are copied out after each step, one row for each sample.
    loss : (buffer, type, byte offset) or None
    hyper_buffer : int
        The buffer of the numbers that change from step to step (the learning rate), or -1.
    lock : ReadWriteLock of the parameters' store, or None
    writes : whether a run writes to the store
    count : StepCount to increment, or None

    Raises
    ------
    ValueError
        If an instruction would reach beyond its buffers, or its kernel has no room for it.
    """
    cdef gd_job job
    cdef Plan plan
    cdef int64_t batch
    cdef int64_t *room  # bytes of each buffer
    cdef Py_buffer *held  # views of the buffers and the staging arrays, released with the runner
    cdef int n_held
    cdef ReadWriteLock lock
    cdef bint writes
    cdef StepCount count
    cdef int64_t packed  # what `lock.unchanged_since` said when weights were packed last, or -1
    cdef object __weakref__

    def __cinit__(self, Plan plan, int64_t batch, list buffers, list feeds, list taps, loss, int hyper_buffer,
                  ReadWriteLock lock, bint writes, StepCount count=None):
        cdef int i
        cdef gd_feed *feed
        cdef tuple memory = tuple(buffers), fed = tuple(feeds), tapped = tuple(taps)
        self.plan, self.batch = plan, batch
        self.lock, self.writes, self.count, self.packed = lock, writes, count, -1
        self.job.plan = &plan.plan
        self.job.n_buffers, self.job.n_feeds, self.job.n_taps = len(memory), len(fed), len(tapped)
        self.job.base = <char **>calloc(len(memory) + 1, sizeof(char *))
        self.job.feeds = <gd_feed *>calloc(len(fed) + 1, sizeof(gd_feed))
        self.job.taps = <gd_tap *>calloc(len(tapped) + 1, sizeof(gd_tap))
        self.room = <int64_t *>calloc(len(memory) + 1, sizeof(int64_t))
        self.held = <Py_buffer *>calloc(len(memory) + len(fed) + 1, sizeof(Py_buffer))
        if not (self.job.base and self.job.feeds and self.job.taps and self.room and self.held):
            raise MemoryError()
        if batch < 1:
            raise ValueError(f"a plan for batches of {batch}: expected at least 1")
        for i in range(self.job.n_buffers):
            if memory[i] is not None:
                self.job.base[i] = self.hold(memory[i])
                self.room[i] = self.held[self.n_held - 1].len
        for i in range(self.job.n_feeds):
            feed = &self.job.feeds[i]
            feed.buffer, feed.type, feed.row, stage, *part = fed[i]
            feed.part = part[0] if part else 0
            feed.stage = self.hold(stage)
            if not 0 <= feed.buffer < self.job.n_buffers or self.job.base[feed.buffer] != NULL:
                raise ValueError(f"input {i} of a plan lies in buffer {feed.buffer}, which is not its own")
            self.room[feed.buffer] = self.held[self.n_held - 1].len
            self.inside((feed.buffer, feed.type, 0), product(batch, feed.row), f"input {i}")
        for i in range(self.job.n_taps):
            (self.job.taps[i].from_.buffer, self.job.taps[i].from_.type,
             self.job.taps[i].from_.offset), self.job.taps[i].row_bytes = tapped[i]
            if self.job.taps[i].row_bytes < 0:
                raise ValueError(f"output {i} has rows of {self.job.taps[i].row_bytes} bytes")
            self.inside((self.job.taps[i].from_.buffer, -1, self.job.taps[i].from_.offset),
                        product(batch, self.job.taps[i].row_bytes), f"output {i}")
        self.job.loss.buffer = -1
        if loss is not None:
            self.inside(loss, 1, "the loss")
            self.job.loss.buffer, self.job.loss.type, self.job.loss.offset = loss
        if plan.plan.flag_buffer >= 0:
            self.inside((plan.plan.flag_buffer, 1, plan.plan.flag_offset), 1, "the flag")
        self.job.hyper_buffer = hyper_buffer
        self.check()

    cdef int inside(self, tuple ref, int64_t elements, str what) except -1:
        """Raises ValueError if `elements` elements at (buffer, type or -1 for bytes, offset) exceed the buffer."""
        cdef int64_t buffer, offset, width
        buffer, kind, offset = ref
        width = 1 if kind == -1 else 4 if kind == 1 else self.plan.plan.bits // 8
        if (not 0 <= buffer < self.job.n_buffers or offset < 0 or offset > self.room[buffer]
                or elements > (self.room[buffer] - offset) // width):
            raise ValueError(f"{what} of a plan reaches beyond buffer {buffer} at {offset}: {elements:,} x {width} bytes")
        return 0

    cdef int check(self) except -1:
        """Raises ValueError if an operand of an instruction exceeds its buffer, or a kernel's limits are exceeded."""
        cdef gd_fault fault
        cdef const gd_plan *plan = &self.plan.packing
        if gd_check(plan, self.room, self.job.n_buffers, self.batch, &fault):
            plan = self.job.plan
        if plan != self.job.plan or not gd_check(plan, self.room, self.job.n_buffers, self.batch, &fault):
            name = plan.ins[fault.instruction].op.name.decode()
            within = f"has a body whose instruction {fault.within - 1} " if fault.within else ""
            raise ValueError(
                f"instruction {plan.ins - self.plan.ins + fault.instruction} ({name}) of a plan {within}{fault.what.decode()}"
                + (f" (operand {fault.ref})" if fault.ref >= 0 else "")
            )
        return self.plan.measure()

    cdef char *hold(self, array) except? NULL:
        cdef Py_buffer *view = &self.held[self.n_held]
        PyObject_GetBuffer(array, view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
        self.n_held += 1
        return <char *>view.buf

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_held):
            PyBuffer_Release(&self.held[i])
        free(self.held)
        free(self.room)
        free(self.job.base)
        free(self.job.feeds)
        free(self.job.taps)

    cdef int begin(self, call *c) except -1:
        """Copy the job, because several threads may run one plan at the same time."""
        cdef size_t bases = self.job.n_buffers * sizeof(char *), feeds = self.job.n_feeds * sizeof(gd_feed)
        cdef size_t taps = self.job.n_taps * sizeof(gd_tap)
        cdef size_t views = (4 * self.job.n_feeds + self.job.n_taps + 5) * sizeof(Py_buffer)
        cdef char *memory = <char *>c.room
        c.job, c.n_views, c.memory = self.job, 0, NULL
        if bases + feeds + taps + views > sizeof(c.room):
            memory = c.memory = <char *>malloc(bases + feeds + taps + views)
            if memory == NULL:
                raise MemoryError()
        c.job.base = <char **>memory
        c.job.feeds, c.job.taps = <gd_feed *>(memory + bases), <gd_tap *>(memory + bases + feeds)
        c.views = <Py_buffer *>(memory + bases + feeds + taps)
        memcpy(c.job.base, self.job.base, bases)
        memcpy(c.job.feeds, self.job.feeds, feeds)
        memcpy(c.job.taps, self.job.taps, taps)
        return 0

    cdef int take_outputs(self, call *c, tuple outputs, int64_t rows) except -1:
        """Point the taps to the arrays that take their rows."""
        cdef int i
        if <Py_ssize_t>len(outputs) != self.job.n_taps:
            raise ValueError(f"{len(outputs)} arrays for {self.job.n_taps} outputs of a plan")
        for i in range(self.job.n_taps):
            c.job.taps[i].to = <char *>take_room(
                c, outputs[i], True, product(rows, c.job.taps[i].row_bytes), "an output"
            ).buf
        return 0

    cdef int take_hyper(self, call *c, object hyper, int64_t row, int64_t steps) except -1:
        """Point the job to the rows `row` ... `row + steps - 1` of `hyper`."""
        cdef Py_buffer *view
        c.job.hyper = NULL
        if hyper is None or steps == 0:
            return 0
        view = take(c, hyper, PyBUF_C_CONTIGUOUS)
        if view.ndim < 1 or row < 0 or row > view.shape[0] - steps:
            raise ValueError(f"numbers for steps {row} to {row + steps}, which are not there")
        c.job.hyper_bytes = view.strides[0]
        self.inside((c.job.hyper_buffer, -1, 0), c.job.hyper_bytes, "a row of numbers")
        c.job.hyper = <const char *>view.buf + row * c.job.hyper_bytes
        return 0

    cdef int pack(self, call *c) except -1:
        """Pack the weights again if they may have changed; this thread holds the lock."""
        cdef int64_t now = -1 if self.lock is None else self.lock.unchanged_since()
        cdef int32_t status = 0
        cdef gd_job job = c.job
        if now >= 0 and now == self.packed:
            return 0
        self.packed = -1
        job.plan = &self.plan.packing
        job.n_feeds = job.n_taps = 0
        job.rows = job.batch = job.steps = 1
        job.first, job.seconds, job.loss.buffer = 0, 1.0, -1
        job.hyper, job.losses, job.spent, job.exchange, job.heard = NULL, NULL, NULL, NULL, NULL
        with nogil:
            gd_run_job(&job, &status)
        self.packed = now
        return 0

    cdef int take_scratch(self, call *c, object scratch, int threads) except -1:
        if threads < 1:
            raise ValueError(f"{threads} threads: expected at least 1")
        c.job.threads = threads
        c.job.scratch = <char *>take_room(c, scratch, True, <int64_t>threads * self.plan.scratch, "scratch").buf
        return 0

    def repeat(self, Kinds kinds, tuple arrays, tuple outputs, hyper, int64_t row, uint64_t seed, uint64_t counter,
               int threads, scratch):
        """The fast path: one step over arrays that match `kinds`, without further validation.

        Returns the loss, 0 if the plan has none. Returns None, and changes nothing, if the arrays do not match
        or a result is not finite; the caller then validates and runs the step as usual.

        hyper : array (rows, n) of the plan's real type; the step reads row number `row`; or None
        The others are as for `run`.
        """
        cdef int i
        cdef int32_t status = 0
        cdef int64_t done = 0, rows = 0
        cdef double loss = 0
        cdef gd_feed *feed
        cdef Py_buffer *view
        cdef call c
        cdef listening listener
        if <Py_ssize_t>len(arrays) != kinds.n or kinds.n != self.job.n_feeds or kinds.isa != self.plan.isa:
            return None
        self.begin(&c)
        if self.lock is not None:
            try:
                self.lock.enter(self.writes, True)
            except BaseException:
                end(&c)
                raise
        try:
            for i in range(c.job.n_feeds):
                view = take(&c, arrays[i], PyBUF_STRIDES | PyBUF_FORMAT)
                if view.ndim < 1 or not PyBuffer_IsContiguous(view, b"C"):
                    return None
                if i == 0:
                    rows = view.shape[0]
                feed = &c.job.feeds[i]
                if feed.part or not kinds.fit(i, view, rows) or kinds.feeds[i].row != feed.row or rows > self.batch:
                    return None
                feed.source, feed.scale = kinds.feeds[i].source, kinds.feeds[i].scale
                feed.convert, feed.columns = kinds.feeds[i].convert, NULL
                feed.rows, feed.pitch = rows, feed.row * view.itemsize
                feed.data = <const char *>view.buf
            c.job.rows = c.job.batch = rows
            c.job.order, c.job.spent, c.job.losses = NULL, NULL, &loss
            self.take_hyper(&c, hyper, row, 1)
            self.take_outputs(&c, outputs, rows)
            self.take_scratch(&c, scratch, threads)
            listener.error = listener.exchange = NULL
            c.job.heard, c.job.listener = heard, &listener
            c.job.first, c.job.steps, c.job.seed, c.job.counter = 0, 1, seed, counter
            c.job.seconds = 1.0
            if self.plan.packing.n_ins:
                self.pack(&c)
            with nogil:
                done = gd_run_job(&c.job, &status)
            if self.count is not None:
                self.count.done += done
        finally:
            end(&c)
            if self.lock is not None:
                self.lock.leave(self.writes)
        raise_caught(&listener)
        return loss if done else None

    cdef int take_data(self, call *c, tuple data, int64_t rows) except -1:
        """Point the feeds to the arrays of the data set; checks shapes again, as the caller may have changed them."""
        cdef int i
        cdef gd_feed *feed
        cdef Py_buffer *view
        if <Py_ssize_t>len(data) != self.job.n_feeds:
            raise ValueError(f"{len(data)} arrays for {self.job.n_feeds} inputs of a plan")
        for i in range(self.job.n_feeds):
            feed = &c.job.feeds[i]
            array, feed.source, feed.scale = data[i]
            feed.rows = rows
            feed.convert = converter(self.plan.isa, self.plan.plan.bits, feed.source, feed.type)
            feed.columns = NULL
            if isinstance(array, tuple) and len(<tuple>array) == 3:
                self.take_sparse(c, feed, array)
                continue
            if feed.part:
                raise ValueError(f"an array for input {i} of a plan that reads sparse rows")
            if isinstance(array, tuple):
                array, recipe = array
                self.take_recipe(c, feed, recipe, rows)
            view = take(c, array, PyBUF_STRIDES)
            if not rows_fit(feed, view, rows):
                raise ValueError(
                    f"the array of input {i} has another shape or type than when it was checked: "
                    "leave arrays as they are while they are used"
                )
            feed.data, feed.pitch = <const char *>view.buf, view.strides[0]
        return 0

    cdef int take_recipe(self, call *c, gd_feed *feed, tuple recipe, int64_t rows) except -1:
        """What is done to the rows of a feed: see `gdcore.data.image_rows.AugmentedImages.parts`."""
        cdef gd_augment *a = &feed.augment
        cdef double share
        (a.height, a.width, a.channels), a.role, (a.shift_y, a.shift_x), a.flip, a.reflect, a.hole, a.grid, shares, a.seed, a.epoch, samples = recipe
        a.rotation, a.zoom, a.elastic, a.brightness, a.contrast, a.saturation, a.channel_scale, a.most, a.mixup, a.cutmix = shares
        for share in shares:
            if not 0 <= share < 1e9:
                raise ValueError(f"images changed by {share}: expected a number from 0 to 1e9")
        if (
            min(a.height, a.width, a.channels) < 1
            or (a.role < 2 and product(product(a.height, a.width), a.channels) != feed.row)
            or not 0 <= a.shift_y < 1 << 30 or not 0 <= a.shift_x < 1 << 30
            or not 0 <= a.hole < 1 << 30 or not 0 <= a.flip <= 2
            or not 0 <= a.role <= 3 or not 1 <= a.grid <= 8 or a.channels > 1024 or a.zoom >= 1
        ):
            raise ValueError(f"images of {a.height} x {a.width} x {a.channels} for an input of {feed.row} elements")
        a.samples = NULL
        if samples is not None:
            a.samples = <const int64_t *>take_room(c, samples, False, rows * 8, "sample numbers").buf
        return 0

    cdef int take_sparse(self, call *c, gd_feed *feed, tuple parts) except -1:
        """Point a feed to (data, column indices, row pointers) of a CSR matrix."""
        cdef Py_buffer *numbers
        cdef Py_buffer *columns
        cdef Py_buffer *starts
        numbers_of, columns_of, starts_of = parts
        numbers = take(c, numbers_of, PyBUF_C_CONTIGUOUS)
        columns = take(c, columns_of, PyBUF_C_CONTIGUOUS)
        starts = take(c, starts_of, PyBUF_C_CONTIGUOUS)
        if (
            numbers.itemsize != gd_source_bytes(feed.source)
            or starts.itemsize not in (4, 8)
            or columns.itemsize != starts.itemsize
            or starts.len // starts.itemsize <= feed.rows
        ):
            raise ValueError("a sparse matrix was changed while it was used: leave it as it is until the call ends")
        feed.data, feed.columns, feed.starts = <const char *>numbers.buf, columns.buf, starts.buf
        feed.wide = starts.itemsize == 8
        feed.held = min(numbers.len // numbers.itemsize, columns.len // columns.itemsize)
        return 0

    def run(self, tuple data, order, int64_t rows, int64_t batch, int64_t first, int64_t steps,
            uint64_t seed, uint64_t counter, hyper, losses, tuple outputs, int threads, scratch, double seconds,
            spent=None, exchange=None):
        """Take up to `steps` steps; returns (steps completed, DONE | PAUSED | NOT_FINITE).

        data : one (array, source type code, scale) for each feed, at least `rows` samples each. Each row of
            an array is contiguous; the stride between rows is arbitrary. A tuple (data, column indices, row
            pointers) of contiguous arrays is a CSR matrix, a tuple (array, recipe) images that are augmented.
        order : int64 array of sample numbers below `rows`, which no other thread changes, or None
        hyper : array (steps, n) of the plan's real type, or None
        losses : float64 array of at least `steps` elements, or None if the plan has no loss
        outputs : for each tap an array with room for the rows of these steps
        spent : float64 array with one element for each instruction, to which its seconds are added, or None
        exchange : callable, called in each step once all gradients are computed, before they are checked,
            clipped or applied; or None
        """
        cdef int32_t status = 0
        cdef int64_t done = 0, last
        cdef call c
        cdef listening listener
        if not 1 <= batch <= self.batch or rows < 0 or first < 0 or not 0 <= steps <= (rows + batch - 1) // batch - first:
            raise ValueError(
                f"steps {first} to {first + steps} of {rows} samples, {batch} at a time: the plan takes "
                f"up to {self.batch}"
            )
        last = min(rows, (first + steps) * batch)
        self.begin(&c)
        try:
            self.take_data(&c, data, rows)
            c.job.order = NULL
            if order is not None:
                c.job.order = <const int64_t *>take_room(&c, order, False, last * 8, "the order").buf
            self.take_hyper(&c, hyper, 0, steps)
            c.job.losses = NULL
            if self.job.loss.buffer >= 0:
                c.job.losses = <double *>take_room(&c, losses, True, steps * 8, "losses").buf
            self.take_outputs(&c, outputs, last - min(last, first * batch))
            self.take_scratch(&c, scratch, threads)
            c.job.spent = NULL
            if spent is not None:
                c.job.spent = <double *>take_room(&c, spent, True, (self.plan.packing.n_ins + self.plan.plan.n_ins) * 8, "spent").buf
                c.job.spent += self.plan.packing.n_ins
            listener.error, listener.exchange = NULL, <PyObject *>exchange
            c.job.heard, c.job.listener = heard, &listener
            if exchange is not None:
                c.job.exchange = exchanged
            c.job.rows, c.job.batch, c.job.first, c.job.steps = rows, batch, first, steps
            c.job.seed, c.job.counter = seed, counter
            c.job.seconds = seconds
            if self.lock is not None:
                self.lock.enter(self.writes, True)
            try:
                if self.plan.packing.n_ins:
                    self.pack(&c)
                with nogil:
                    done = gd_run_job(&c.job, &status)
                if self.count is not None:
                    self.count.done += done
            finally:
                if self.lock is not None:
                    self.lock.leave(self.writes)
        finally:
            end(&c)
        raise_caught(&listener)
        return done, status
