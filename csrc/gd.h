/* gd.h: the words that every C file of gdcore shares: a tensor's place, an instruction, a plan.
 *
 * A plan is a list of instructions over a few buffers. It is made once, by gdcore/graph/passes/lower.py,
 * and then run for thousands of steps by exec.c, which knows nothing of what an instruction computes.
 *
 * Dimension letters, everywhere: B rows of a batch; M, N, K rows, columns and depth of a product
 * C[M,N] = A[M,K] * B[K,N]; T threads; n elements.
 */
#ifndef GD_H
#define GD_H

#include <stdint.h>
#include <stddef.h>

/* A size that may grow with the batch: fixed + per_row * B. */
typedef struct { int64_t fixed, per_row; } gd_dim;

static inline int64_t gd_size(gd_dim d, int64_t batch) { return d.fixed + d.per_row * batch; }

/* What the elements of a tensor are. GD_REAL is the plan's own float32 or float64. */
enum { GD_REAL = 0, GD_INT32 = 1 };

/* Where a tensor starts: a byte offset into one of the plan's buffers. */
typedef struct { int32_t buffer, type; int64_t offset; } gd_ref;

/* What a kernel is handed besides its instruction; each thread has its own. */
typedef struct {
  char *const *base;  /* where each buffer starts */
  char *scratch;      /* this thread's own, as much as the plan's ops ask for; 64-byte aligned */
  int64_t batch;      /* B of this step */
  uint64_t seed;      /* random numbers are a function of (seed, stream, step, element) */
  uint64_t step;
  /* Asked by kernels whose units may take long, after so much work; not 0: return early, nobody reads what was
   * computed. NULL: the step is not to be left now. */
  int (*poll)(void *poller, int64_t work);
  void *poller;
  const char *packed; /* of an instruction that a loop repeats: what its `pack` has written; or NULL */
} gd_run;

#define GD_LOOP_BUFFERS 64 /* of a loop's body: as many as a word has bits */

/* How many dimensions an elementwise pass walks at most, and how many registers its code has. csrc/check.c
 * refuses more, gdcore/graph/passes/lower.py makes no more. */
enum { GD_MAP_DIMS = 64, GD_MAP_REGISTERS = 128 };
/* How many dimensions a copy walks at most; and a reduction of those that it keeps, and of those that it folds. */
enum { GD_COPY_DIMS = 1 << 18, GD_REDUCE_DIMS = 8 };
/* Elements of which one unit of a sum of all elements makes one. */
#define GD_SUM_PART 4096
/* Into how many parts the rows that occur fall, and from how many places at most a table's gradient comes. */
enum { GD_ROW_PARTS = 64, GD_ROW_SOURCES = 64 };
/* Rows that are updated at once, slots of each, and steps of which a row may be behind, at most. */
enum { GD_ROW_BLOCK = 256, GD_ROW_SLOTS = 15, GD_ROW_LOG = 512 };

typedef struct gd_ins gd_ins;

/* Into how many independent units the work falls, for this batch. */
typedef int64_t (*gd_units_fn)(const gd_ins *, int64_t batch);
/* Computes the units lo <= u < hi. The bits of an output never depend on how units are dealt out. */
typedef void (*gd_kernel_fn)(const gd_ins *, const gd_run *, int64_t lo, int64_t hi);
/* How many bytes of scratch a thread needs for it, its epilogue included, whatever the batch; a multiple of 64. */
typedef int64_t (*gd_scratch_fn)(const gd_ins *);
/* Whether it polls by itself (run->poll) and leaves early; others are run in pieces that are left in between. */
typedef int (*gd_polls_fn)(const gd_ins *);

/* How many bytes its `pack` writes, a multiple of 64: an operand that is the same at all steps of a loop, in the form in
 * which the kernel takes it. 0: none. `steady` has a bit for each buffer that is the same. */
typedef int64_t (*gd_packed_fn)(const gd_ins *, uint64_t steady);
typedef void (*gd_pack_fn)(const gd_ins *, const gd_run *, char *to);

/* An elementwise instruction that rides on another one: opened once into GD_EPILOGUE bytes, and then run
 * over columns [c0, c1) of rows [r0, r1) of the output, seen as rows of `width` elements. */
typedef int64_t (*gd_open_fn)(const gd_ins *, const gd_run *, void *state); /* returns the bytes of scratch that it keeps */
typedef void (*gd_window_fn)(const void *state, int64_t width, int64_t r0, int64_t r1, int64_t c0, int64_t c1);

#define GD_EPILOGUE (12 << 10)

/* Numbers that the panels of a matrix B[K, N] take that is packed once for many products (gemm.h), of `columns` in all:
 * K for each column, and room for half a row more in each block of K. */
static inline int64_t gd_panels_of(int64_t k, int64_t columns) { return k * columns + (k / 256 + 1) * (columns / 2); }
/* What N is rounded up to where panels of any instruction set must fit. */
enum { GD_PANEL_COLUMNS = 32 };

/* One row of a kernel table; a table per instruction set and precision ends with a NULL name. */
typedef struct {
  const char *name;
  gd_units_fn units;
  gd_kernel_fn kernel;
  gd_scratch_fn scratch; /* NULL for what needs none */
  gd_open_fn open; /* both NULL for what cannot ride */
  gd_window_fn window;
  gd_polls_fn polls; /* NULL for what never does */
  gd_packed_fn packed; /* both NULL for what packs nothing before a loop */
  gd_pack_fn pack;
} gd_op;

struct gd_ins {
  const gd_op *op;
  const gd_ins *then;  /* elementwise work on each window of outputs as soon as it is finished, or NULL */
  const gd_ref *ref;   /* outputs first, then inputs */
  const gd_dim *dim;   /* sizes and strides, in elements; each kernel says in which order */
  const int64_t *attr; /* whole numbers: each kernel says what they mean */
  const double *par;   /* real numbers, likewise */
  int32_t n_ref, n_dim, n_attr, n_par;
  gd_dim work;         /* operations and elements moved, roughly */
  const gd_ins *body;  /* what a loop runs at each step, or NULL */
  int32_t n_body;
};

/* The bytes of scratch that an epilogue keeps, if there is one. */
static inline int64_t gd_epilogue_scratch(const gd_ins *then) { return then ? then->op->scratch(then) : 0; }
/* Opens it, and returns the scratch behind what it keeps. */
static inline char *gd_open_epilogue(const gd_ins *then, const gd_run *run, void *state) {
  return run->scratch + (then ? then->op->open(then, run, state) : 0);
}

static inline char *gd_at(const gd_run *run, const gd_ins *ins, int i) {
  return run->base[ins->ref[i].buffer] + ins->ref[i].offset;
}

static inline int64_t gd_ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t gd_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t gd_max(int64_t a, int64_t b) { return a > b ? a : b; }

/* Every global of a file that is compiled once per instruction set and precision wears both names. */
#define GD_PASTE3_(a, b, c) a##_##b##_##c
#define GD_PASTE3(a, b, c) GD_PASTE3_(a, b, c)
#define GD_NAME(name) GD_PASTE3(name, GD_ISA, GD_PRECISION)

#endif
