# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""The only Python module that calls C: plans are passed as lists of tuples, arrays through the buffer protocol."""

import collections
import os
import threading

cimport cython
from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_GetBuffer
from cpython.exc cimport PyErr_CheckSignals
from cpython.ref cimport Py_DECREF, Py_INCREF, PyObject
from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, strcmp


cdef extern from "exec.h" nogil:
    enum: GD_MAP_DIMS
    enum: GD_MAP_REGISTERS
    ctypedef struct gd_dim:
        int64_t fixed, per_row
    ctypedef struct gd_ref:
        int32_t buffer, type
        int64_t offset
    ctypedef struct gd_ins
    ctypedef struct gd_op:
        const char *name
        int64_t (*scratch)(const gd_ins *)
        void *open
    ctypedef struct gd_ins:
        const gd_op *op
        const gd_ins *then
        const gd_ref *ref
        const gd_dim *dim
        const int64_t *attr
        const double *par
        int32_t n_ref, n_dim, n_attr, n_par
        gd_dim work
        const gd_ins *body
        int32_t n_body
    ctypedef struct gd_plan:
        const gd_ins *ins
        int32_t n_ins, n_gradients, n_compute, bits, flag_buffer
        int64_t flag_offset, scratch
        const uint8_t *meet
    ctypedef void (*gd_convert_fn)(void *, const void *, int64_t, double)
    ctypedef struct gd_augment:
        int64_t height, width, channels, shift_y, shift_x
        int32_t flip, reflect
        int64_t hole
        double rotation, zoom, elastic
        int64_t grid
        double brightness, contrast, saturation, channel_scale, most, mixup, cutmix
        int32_t role
        uint64_t seed, epoch
        const int64_t *samples
    ctypedef struct gd_feed:
        const char *data
        const void *columns
        const void *starts
        int64_t held, rows, row, pitch
        double scale
        gd_convert_fn convert
        int32_t source, type, wide, part, buffer
        char *stage
        gd_augment augment
    ctypedef struct gd_tap:
        gd_ref from_ "from"
        char *to
        int64_t row_bytes
    ctypedef struct gd_job:
        const gd_plan *plan
        char **base
        int32_t n_buffers, n_feeds, n_taps, threads
        gd_feed *feeds
        gd_tap *taps
        const int64_t *order
        int64_t rows, batch, first, steps
        uint64_t seed, counter
        const char *hyper
        int64_t hyper_bytes
        int32_t hyper_buffer
        gd_ref loss
        double *losses
        char *scratch
        double seconds
        double *spent
        int (*exchange)(void *) noexcept nogil
        int (*heard)(void *) noexcept nogil
        void *listener
    ctypedef struct gd_fault:
        int32_t instruction, ref, within
        const char *what
    int gd_check(const gd_plan *, const int64_t *, int32_t, int64_t, gd_fault *)
    int64_t gd_panels(int64_t, int64_t)
    int64_t gd_run_job(gd_job *, int32_t *)
    int64_t gd_source_bytes(int)
    void gd_permutation(int64_t *, int64_t, uint64_t, uint64_t)
    void gd_random_words(uint64_t *, int64_t, uint64_t, const uint64_t *)
    void gd_random_uniform(void *, int, int64_t, uint64_t, const uint64_t *, double, double)
    int gd_isa_count()
    const char *gd_isa_name(int)
    int gd_isa_supported(int)
    bint gd_bf16_supported()
    const gd_op *gd_table(int, int)
    gd_convert_fn gd_converter(int, int, int, int)
    const char *gd_source_name(int)
    bint gd_acceptable(const void *, int, int64_t, int64_t, int) nogil
    const char *gd_map_op_name(int)
    const char *gd_chain_key(int)
    int gd_openmp_threads()
    const char *gd_openmp()
    const char *gd_build_flags()


include "locks.pxi"


cdef struct listening:
    PyObject *error     # the first that was raised within the call, owned; or NULL
    PyObject *exchange  # what is called once all gradients of a step are computed, borrowed; or NULL


cdef void catch(listening *to, object error) noexcept:
    if to.error == NULL:
        Py_INCREF(error)
        to.error = <PyObject *>error


cdef int raise_caught(listening *of) except -1:
    """Raise what was caught within a call, if anything was."""
    if of.error == NULL:
        return 0
    error = <object>of.error
    Py_DECREF(error)
    raise error


cdef int heard(void *listener) noexcept with gil:
    """Polls for signals, called by C: 1 if a handler raised, such as Ctrl-C."""
    try:
        PyErr_CheckSignals()
        return 0
    except BaseException as error:
        catch(<listening *>listener, error)
        return 1


cdef int exchanged(void *listener) noexcept with gil:
    """Calls the callback, called by C once all gradients of a step are computed; 1, to end the step, if it raised."""
    try:
        (<object>(<listening *>listener).exchange)()
        return 0
    except BaseException as error:
        catch(<listening *>listener, error)
        return 1


DONE, PAUSED, NOT_FINITE = 0, 1, 2
cdef int64_t MOST_SCRATCH = 1 << 32
MAP_DIMS, MAP_REGISTERS = GD_MAP_DIMS, GD_MAP_REGISTERS


def isa_names() -> list:
    """Instruction sets that this build holds, from the plainest to the best: (name, runs here)."""
    cdef int i
    return [(gd_isa_name(i).decode(), bool(gd_isa_supported(i))) for i in range(gd_isa_count())]


def bf16_supported() -> bool:
    """Whether this processor has the instructions of the kernels that multiply pairs of bfloat16."""
    return gd_bf16_supported()


def map_op_names() -> list:
    """Names of the elementwise operations; a plan names an operation by its index."""
    cdef int i = 0
    names = []
    while gd_map_op_name(i) != NULL:
        names.append(gd_map_op_name(i).decode())
        i += 1
    return names


def chain_keys() -> list:
    """Keys of the elementwise chains that are compiled as one loop each; a plan names a chain by its index."""
    cdef int i = 0
    keys = []
    while gd_chain_key(i) != NULL:
        keys.append(gd_chain_key(i).decode())
        i += 1
    return keys


def panels_size(k: int, n: int) -> int:
    """Elements that the panels of a matrix of k rows and n columns take, on any instruction set."""
    return gd_panels(k, n)


def source_names() -> list:
    """NumPy names of the element types that a data set may have; the index is the type code in C."""
    cdef int i = 0
    names = []
    while gd_source_name(i) != NULL:
        names.append(gd_source_name(i).decode())
        i += 1
    return names


def kernel_names() -> list:
    """Names of the instruction kinds that a plan may hold."""
    cdef const gd_op *op = gd_table(0, 32)
    names = []
    while op.name != NULL:
        names.append(op.name.decode())
        op += 1
    return names


def build_flags() -> str:
    """The compiler's flags: those of every file, then those of each instruction set."""
    return gd_build_flags().decode()


def openmp_threads() -> int:
    """How many threads OpenMP would give the calling thread."""
    return gd_openmp_threads()


def openmp() -> str:
    """The OpenMP version (its date) that this build was compiled with, or 'none'."""
    return gd_openmp().decode()


include "_random.pxi"


cdef tuple as_tuples(item):
    """A copy of an instruction in which all lists are tuples."""
    name, refs, dims, attrs, pars, then, work, *body = item
    then = None if then is None else as_tuples(then)
    return (name, tuple(refs), tuple(dims), tuple(attrs), tuple(pars), then, work, *body)


cdef class Plan:
    """Instructions as the C structs that the executor runs.

    Parameters
    ----------
    isa : index into `isa_names`
    bits : 32 or 64, of the reals
    instructions : list of (kernel, refs, dims, attrs, pars, then, work)
        The kernel's name; operands (buffer, type, byte offset), type 0 for real, 1 for int32; sizes
        (fixed, per_row), that is fixed + per_row * batch; integers; floats; the epilogue, a tuple of the
        same form, or None; the estimated work, as a size; and for a loop alone the list of its body's
        instructions, of the same form.
    n_compute : number of instructions before the update
    flag : (buffer, byte offset) of the int32 that `all_finite` clears, or None
    n_gradients : number of instructions after which all gradients are complete; None for n_compute
    meet : a byte for each instruction, 0 where threads go on to the next before all have finished it; None: nowhere
    n_packing : how many of the first instructions only pack weights: they are run by themselves, where weights may have
        changed since
    """
    cdef gd_plan plan, packing
    cdef int isa
    cdef gd_ins *ins
    cdef gd_ins *thens
    cdef gd_ref *refs
    cdef gd_dim *dims
    cdef int64_t *attrs
    cdef double *pars
    cdef bytes meet
    cdef readonly int64_t scratch  # bytes that each thread needs, once a runner has checked the plan
    cdef list bodies

    def __cinit__(
        self, int isa, int bits, list instructions, int n_compute, flag, n_gradients=None, bytes meet=None, int n_packing=0
    ):
        cdef Py_ssize_t n_ref = 0, n_dim = 0, n_attr = 0, n_par = 0, i
        cdef Plan body
        self.bodies = []  # they own the memory that `ins.body` points to
        # copied first, so that no other thread changes the lists between counting and writing
        cdef tuple owned = tuple(as_tuples(item) for item in instructions)
        for item in owned:
            for part in (item, item[5]):
                if part is not None:
                    n_ref += len(part[1])
                    n_dim += len(part[2])
                    n_attr += len(part[3])
                    n_par += len(part[4])
        if not 0 <= isa < gd_isa_count() or not gd_isa_supported(isa) or bits not in (32, 64):
            raise ValueError(f"no kernels for instruction set {isa} and {bits} bits on this machine")
        self.isa = isa
        cdef Py_ssize_t n = len(owned)
        if not 0 <= n_compute <= n:
            raise ValueError(f"{n_compute} of {n} instructions compute")
        cdef int gradients = n_compute if n_gradients is None else n_gradients
        if not 0 <= gradients <= n_compute:
            raise ValueError(f"gradients after {gradients} of {n_compute} instructions")
        if meet is not None and len(meet) != n:
            raise ValueError(f"{len(meet)} bytes for {n} instructions")
        self.meet = meet
        if not 0 <= n_packing <= gradients:
            raise ValueError(f"{n_packing} of {gradients} instructions pack weights")
        self.ins = <gd_ins *>calloc(n + 1, sizeof(gd_ins))
        self.thens = <gd_ins *>calloc(n + 1, sizeof(gd_ins))
        self.refs = <gd_ref *>calloc(n_ref + 1, sizeof(gd_ref))
        self.dims = <gd_dim *>calloc(n_dim + 1, sizeof(gd_dim))
        self.attrs = <int64_t *>calloc(n_attr + 1, sizeof(int64_t))
        self.pars = <double *>calloc(n_par + 1, sizeof(double))
        if not (self.ins and self.thens and self.refs and self.dims and self.attrs and self.pars):
            raise MemoryError()
        cdef gd_ref *ref = self.refs
        cdef gd_dim *dim = self.dims
        cdef int64_t *attr = self.attrs
        cdef double *par = self.pars
        cdef gd_ins *ins
        cdef const gd_op *op
        for i in range(n):
            for part in (owned[i], owned[i][5]):
                if part is None:
                    continue
                ins = &self.ins[i] if part is owned[i] else &self.thens[i]
                if ins == &self.thens[i]:
                    self.ins[i].then = ins
                else:
                    ins.work.fixed, ins.work.per_row = part[6]
                    if len(part) > 7:
                        body = Plan(isa, bits, part[7], len(part[7]), None)
                        self.bodies.append(body)
                        ins.body, ins.n_body = body.ins, body.plan.n_ins
                name = part[0].encode()
                op = gd_table(isa, bits)
                while op.name != NULL and strcmp(op.name, <const char *>name) != 0:
                    op += 1
                if op.name == NULL:
                    raise ValueError(f"unknown kernel {part[0]!r} in plan")
                if ins == &self.thens[i] and op.open == NULL:
                    raise ValueError(f"kernel {part[0]!r} in plan cannot ride on another")
                ins.op = op
                ins.ref, ins.n_ref = ref, len(part[1])
                ins.dim, ins.n_dim = dim, len(part[2])
                ins.attr, ins.n_attr = attr, len(part[3])
                ins.par, ins.n_par = par, len(part[4])
                for buffer, kind, offset in part[1]:
                    ref.buffer, ref.type, ref.offset = buffer, kind, offset
                    ref += 1
                for fixed, per_row in part[2]:
                    dim.fixed, dim.per_row = fixed, per_row
                    dim += 1
                for number in part[3]:
                    attr[0] = number
                    attr += 1
                for real in part[4]:
                    par[0] = real
                    par += 1
        self.plan.ins, self.packing.ins = self.ins + n_packing, self.ins
        self.plan.n_ins = <int32_t>n - n_packing
        self.plan.n_compute, self.plan.n_gradients = n_compute - n_packing, gradients - n_packing
        self.packing.n_ins = self.packing.n_compute = self.packing.n_gradients = n_packing
        self.plan.bits = self.packing.bits = bits
        self.packing.flag_buffer = -1
        if meet is not None:
            self.plan.meet = <const uint8_t *><const char *>meet + n_packing
        self.plan.flag_buffer = -1
        if flag is not None:
            self.plan.flag_buffer, self.plan.flag_offset = flag

    cdef int measure(self) except -1:
        """Asks the ops for their scratch; they read sizes that must have been checked."""
        cdef int64_t most = 64
        cdef Py_ssize_t i
        if self.scratch:  # by an earlier runner: threads may be within the plan, and nothing is written
            return 0
        for i in range(self.packing.n_ins + self.plan.n_ins):
            if self.ins[i].op.scratch != NULL:
                own = self.ins[i].op.scratch(&self.ins[i])
                if not 0 <= own < MOST_SCRATCH:
                    raise ValueError(f"instruction {i} of a plan asks for {own:,} bytes of scratch")
                most = max(most, own)
        self.scratch = self.plan.scratch = self.packing.scratch = most
        return 0

    def __dealloc__(self):
        free(self.ins)
        free(self.thens)
        free(self.refs)
        free(self.dims)
        free(self.attrs)
        free(self.pars)


include "_call.pxi"
include "_runner.pxi"
