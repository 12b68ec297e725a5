# Part of _core.pyx: what one call of a plan needs while it runs: a job of its own, and arrays held on to.


cdef int64_t product(int64_t a, int64_t b) noexcept:
    """Of two sizes; one that is too large for any memory stays so."""
    return INT64_MAX if b > 0 and a > INT64_MAX // b else a * b


cdef struct call:
    # A job of one call's own, and the arrays that it holds on to.
    gd_job job
    Py_buffer *views
    int n_views


cdef Py_buffer *take(call *c, object array, int flags) except NULL:
    """The memory of an array, until the end of the call."""
    cdef Py_buffer *view = &c.views[c.n_views]
    PyObject_GetBuffer(array, view, flags)
    c.n_views += 1
    return view


cdef Py_buffer *take_room(call *c, object array, bint writable, int64_t nbytes, str what) except NULL:
    """That of a contiguous array, which must have so many bytes."""
    cdef Py_buffer *view = take(c, array, PyBUF_C_CONTIGUOUS | (PyBUF_WRITABLE if writable else 0))
    if view.len < nbytes:
        raise ValueError(f"{what}: an array of {view.len:,} bytes, expected at least {nbytes:,}")
    return view


cdef void end(call *c) noexcept:
    """Let go of everything; also of a call that did not begin."""
    cdef int i
    for i in range(c.n_views):
        PyBuffer_Release(&c.views[i])
    free(c.job.base)


cdef int rows_fit(const gd_feed *feed, const Py_buffer *view, int64_t rows) except -1:
    """Whether an array has so many rows of what a feed takes, each of them contiguous."""
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
    char letter
    int64_t limit
    bint finite


cdef gd_convert_fn converter(int isa, int bits, int source, int feed_type) except NULL:
    """What turns elements of a data set into those of a plan."""
    if not 0 <= isa < gd_isa_count() or not gd_source_bytes(source) or feed_type not in (0, 1):
        raise ValueError(f"no conversion of element type {source} to {feed_type} for instruction set {isa}")
    return gd_converter(isa, bits, source, feed_type)


@cython.final
cdef class Kinds:
    """What the arrays of a call look like that `Runner.repeat` takes.

    isa, bits : of the plan
    least, most : samples that they may have
    kinds : for each feed (format, shape of a sample, source type code, feed type, scale, limit, finite):
        the buffer protocol's letter; whole numbers must lie in 0 ... limit - 1 unless it is 0; reals must be
        finite where `finite` says so
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
