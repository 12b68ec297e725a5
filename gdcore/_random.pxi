# Part of _core.pyx: random orders, words and uniform numbers, each a function of its keys alone.


def permutation(order, uint64_t seed, uint64_t stream) -> None:
    """Fill the int64 array `order` with a random permutation, a function of (seed, stream) alone."""
    cdef Py_buffer view
    PyObject_GetBuffer(order, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
    cdef int64_t n = view.len // 8
    with nogil:
        gd_permutation(<int64_t *>view.buf, n, seed, stream)
    PyBuffer_Release(&view)


def random_words(out, uint64_t key, uint64_t stream, uint64_t first) -> None:
    """Fill the uint64 array `out` with the words from number `first` on of the sequence of a key (key, stream)."""
    cdef Py_buffer view
    cdef uint64_t[2] keys
    keys[0], keys[1] = key, stream
    PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
    with nogil:
        gd_random_words(<uint64_t *>view.buf, view.len // 8, first, keys)
    PyBuffer_Release(&view)


def random_uniform(out, uint64_t key, uint64_t stream, uint64_t first, double low, double width) -> None:
    """Fill an array of float32 or float64 with low + width * u, u in [0, 1) made of one word each."""
    cdef Py_buffer view
    cdef uint64_t[2] keys
    keys[0], keys[1] = key, stream
    PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
    with nogil:
        gd_random_uniform(view.buf, <int>(8 * view.itemsize), view.len // view.itemsize, first, keys, low, width)
    PyBuffer_Release(&view)
