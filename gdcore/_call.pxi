# Part of _core.pyx: the job and the buffer views of one call of a plan.


cdef int64_t product(int64_t a, int64_t b) noexcept:
    """The product of two sizes >= 0, saturated at INT64_MAX."""
    return INT64_MAX if b > 0 and a > INT64_MAX // b else a * b


cdef struct call:
    # A private copy of the runner's job, and the buffer views that are released when the call ends.
    gd_job job
    Py_buffer *views
    int n_views
    char *memory  # of the job's arrays and the views, where `room` does not suffice; else NULL
    double room[256]


cdef Py_buffer *take(call *c, object array, int flags) except NULL:
    """Acquire an array's buffer until `end`."""
    cdef Py_buffer *view = &c.views[c.n_views]
    PyObject_GetBuffer(array, view, flags)
    c.n_views += 1
    return view


cdef Py_buffer *take_room(call *c, object array, bint writable, int64_t nbytes, str what) except NULL:
    """Acquire the buffer of a C-contiguous array of at least `nbytes` bytes; ValueError if it is smaller."""
    cdef Py_buffer *view = take(c, array, PyBUF_C_CONTIGUOUS | (PyBUF_WRITABLE if writable else 0))
    if view.len < nbytes:
        raise ValueError(f"{what}: an array of {view.len:,} bytes, expected at least {nbytes:,}")
    return view


cdef void end(call *c) noexcept:
    """Release all buffers and the memory of a call, also after `begin` has failed."""
    cdef int i
    for i in range(c.n_views):
        PyBuffer_Release(&c.views[i])
    free(c.memory)


cdef int rows_fit(const gd_feed *feed, const Py_buffer *view, int64_t rows) except -1:
    """Whether an array has at least `rows` rows, each contiguous and of the feed's size and element size."""
    cdef int64_t step = view.itemsize, elements = 1
    cdef int d
    if view.ndim < 1 or view.itemsize != gd_source_bytes(feed.source) or view.shape[0] < rows:
        return 0
    for d in range(view.ndim - 1, 0, -1):
        if view.shape[d] != 1 and view.strides[d] != step:
            return 0
        step *= view.shape[d]
        elements *= view.shape[d]
    return elements == feed.row


cdef struct kind:
    char letter    # format of the buffer protocol
    int64_t limit  # whole numbers must be below it; 0: unchecked
    bint finite    # whether reals must be finite


cdef gd_convert_fn converter(int isa, int bits, int source, int feed_type) except NULL:
    """The C function that converts elements of a data set to the element type of a plan."""
    if not 0 <= isa < gd_isa_count() or not gd_source_bytes(source) or feed_type not in (0, 1):
        raise ValueError(f"no conversion of element type {source} to {feed_type} for instruction set {isa}")
    return gd_converter(isa, bits, source, feed_type)


@cython.final
cdef class Kinds:
    """The array types and shapes that `Runner.repeat`, the fast path, accepts.

    isa, bits : of the plan
    least, most : range of the number of samples
    kinds : for each feed (format, shape of a sample, source type code, feed type, scale, limit, finite):
        the letter of the buffer protocol; whole numbers must lie in 0 ... limit - 1 unless limit is 0; reals
        must be finite if `finite` is true
    """
    cdef int isa, n
    cdef int64_t least, most
    cdef gd_feed *feeds
    cdef kind *kinds
    cdef tuple shapes

    def __cinit__(self, int isa, int bits, int64_t least, int64_t most, list kinds):
        cdef int i
        cdef tuple given = tuple(kinds)
        self.isa, self.least, self.most, self.n = isa, least, most, len(given)
        self.feeds = <gd_feed *>calloc(self.n + 1, sizeof(gd_feed))
        self.kinds = <kind *>calloc(self.n + 1, sizeof(kind))
        if not self.feeds or not self.kinds:
            raise MemoryError()
        shapes = []
        for i, (letter, shape, source, feed_type, scale, limit, finite) in enumerate(given):
            self.kinds[i].letter = ord(letter)
            self.kinds[i].limit, self.kinds[i].finite = limit, finite
            self.feeds[i].source, self.feeds[i].type, self.feeds[i].scale = source, feed_type, scale
            self.feeds[i].convert = converter(isa, bits, source, feed_type)
            self.feeds[i].row = 1
            for d in shape:
                self.feeds[i].row *= d
            shapes.append(tuple(shape))
        self.shapes = tuple(shapes)

    def __dealloc__(self):
        free(self.feeds)
        free(self.kinds)

    cdef bint fit(self, int i, Py_buffer *view, int64_t rows):
        """Whether array number `i`, of `rows` samples, has the type, the shape and the values that are accepted."""
        cdef int d
        cdef tuple shape = <tuple>self.shapes[i]
        if view.format == NULL or view.format[0] != self.kinds[i].letter or view.format[1] != 0:
            return False
        if view.ndim != <int>len(shape) + 1 or view.shape[0] != rows or not self.least <= rows <= self.most:
            return False
        for d in range(view.ndim - 1):
            if view.shape[d + 1] != <int64_t>shape[d]:
                return False
        return gd_acceptable(
            view.buf, self.feeds[i].source, view.len // view.itemsize, self.kinds[i].limit, self.kinds[i].finite
        )
