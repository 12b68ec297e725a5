/* map.c: y[i] = f(a[i], b[i], ...) for a whole chain of elementwise operations in one pass.
 *
 * A common chain is a loop of its own, made from map_chains.h, which keeps everything in registers. Any other
 * is a little program that runs over blocks small enough for L1, each operation one loop over a block.
 * Inputs may be broadcast or strided; those are spread into a block first, unless a row of them can be
 * read where it lies. Called by the executor, and by the products on each window that they finish.
 *
 *   ref   outputs, inputs
 *   dim   shape[nd], then strides[nd] of each input (for a COUNT input: the number itself, in the first), then of
 *         each output, if there is one that does not lie in the order of the walk without gaps
 *   attr  nd, n_out, n_in, n_code, unit, chain (its number in map_chains.h, or -1), kind[n_in],
 *         code[n_code][5] = operation, destination, up to 3 arguments
 *   par   two numbers for each operation
 *
 * Registers: inputs first, then outputs, then temporaries.
 */
#include "map_functions.h"
#include "../map_ops.h"
#include "../ops.h"

enum { DIRECT = 0, SPREAD = 1, SCALAR = 2, COUNT = 3 };
enum { BLOCK = 2048 / sizeof(real), MAX_REGS = GD_MAP_REGISTERS };
/* Scratch: a block for each register, then the shape and the strides of each input. */

/* One argument of a region: its elements lie side by side (step 1), or one number serves a whole row
 * (step 0); the next row begins `row` elements on. */
typedef struct { const real *p; int64_t row, step; } map_arg;

/* Some rows of n elements: what a chain is run over. */
typedef struct {
  const map_arg *x;
  real *const *y;
  int64_t rows, n, y_row;
  const double *par;
} map_region;
typedef void (*chain_fn)(const map_region *);

#if defined(GD_ISA_baseline) && GD_REAL_BITS == 64
/* In double precision on a processor without AVX2 each pass runs operation by operation, to the same bits: these loops
 * alone would take 75 KB of the wheel. */
#define CHAIN_OF(number) NULL
#else
#include "map_chains.h"
#define CHAIN_OF(number) ((number) < 0 ? NULL : chain_fns[number])
#endif

/* One argument of a block function: a block, or VL equal values with step 0. */
typedef struct { const real *p; int64_t step; } block_arg;
/* What a block function may know of its place: the flat index of its first element. */
typedef struct { int64_t first; const gd_run *run; } block_place;
typedef void (*block_fn)(real *y, const block_arg *x, int64_t n, const double *par, const block_place *at);

/* Arguments are walked by pointers of their own: a vector store may alias anything, so what is read
 * through x would be read anew for every vector. */
#define OPEN(k)              \
  const real *at_##k = x[k].p; \
  const int64_t step_##k = x[k].step * VL;
#define NEXT(k) v_load(at_##k), at_##k += step_##k
#define LAST(k) step_##k ? v_load_n(at_##k, n - i) : v_load(at_##k)

#define LOOP(UNROLL, LOAD, LOAD_N, EXPR)                           \
  int64_t i = 0;                                                   \
  _Pragma(UNROLL) for (; i + VL <= n; i += VL) {                   \
    LOAD;                                                          \
    v_store(y + i, EXPR);                                          \
  }                                                                \
  if (i < n) {                                                     \
    LOAD_N;                                                        \
    v_store_n(y + i, EXPR, n - i);                                 \
  }
#define FOUR "GCC unroll 4"
#define ONE "GCC unroll 1"

#define HEAD(name) static void map_##name(real *y, const block_arg *x, int64_t n, const double *par, \
                                          const block_place *at)
#define UNARY(name, UNROLL)                                   \
  HEAD(name) {                                                \
    (void)par, (void)at;                                      \
    OPEN(0)                                                   \
    vec a;                                                    \
    LOOP(UNROLL, a = NEXT(0), a = LAST(0), e_##name(a))       \
  }
#define NUMBERED(name)                                        \
  HEAD(name) {                                                \
    (void)at;                                                 \
    const vec number = v_set1((real)par[0]);                  \
    OPEN(0)                                                   \
    vec a;                                                    \
    LOOP(ONE, a = NEXT(0), a = LAST(0), e_##name(a, number))  \
  }
#define BINARY(name, UNROLL)                                                                \
  HEAD(name) {                                                                              \
    (void)par, (void)at;                                                                    \
    OPEN(0)                                                                                 \
    OPEN(1)                                                                                 \
    vec a, b;                                                                               \
    LOOP(UNROLL, a = NEXT(0); b = NEXT(1), a = LAST(0); b = LAST(1), e_##name(a, b))        \
  }
#define UNARY_SHORT(name) UNARY(name, FOUR)
#define UNARY_LONG(name) UNARY(name, ONE)
#define BINARY_SHORT(name) BINARY(name, FOUR)
#define BINARY_LONG(name) BINARY(name, ONE)
GD_SHORT_OPS(UNARY_SHORT)
GD_LONG_OPS(UNARY_LONG)
GD_NUMBERED_OPS(NUMBERED)
GD_SHORT_BINARY_OPS(BINARY_SHORT)
GD_LONG_BINARY_OPS(BINARY_LONG)

HEAD(where) {
  (void)par, (void)at;
  OPEN(0)
  OPEN(1)
  OPEN(2)
  vec c, a, b;
  LOOP(FOUR, c = NEXT(0); a = NEXT(1); b = NEXT(2), c = LAST(0); a = LAST(1); b = LAST(2), e_where(c, a, b))
}

/* The counter of a draw is the element's number. */
HEAD(random_uniform) {
  (void)x;
  const uint64_t key = gd_rng_key(at->run->seed, (uint64_t)par[0], at->run->step);
  vec a;
  LOOP(ONE, a = v_uniform((uint64_t)(at->first + i), key), a = v_uniform((uint64_t)(at->first + i), key), a)
}

#define ROW(name) map_##name,
static const block_fn block_fns[] = {GD_MAP_OPS(ROW)};

/* The instruction, with this batch's sizes filled in. */
typedef struct {
  const gd_run *run;
  int64_t nd, n_out, n_in, n_code, inner, together;
  int spread;   /* some operand is not walked element by element */
  int placed;   /* outputs have strides */
  int in_place; /* every row of every operand can be walked where it lies */
  chain_fn chain;
  const int64_t *kind, *code;
  const double *par;
  real *buffer;
  char *at[MAX_REGS];
  uint8_t is_int[MAX_REGS], steady[MAX_REGS]; /* steady: the same for every row, so spread once */
  int64_t *shape, *stride; /* [nd], [n_in + n_out][nd] */
} map_state;
_Static_assert(sizeof(map_state) <= GD_EPILOGUE, "an opened pass fits into what a product keeps for it");

/* A block for each register, and the walk behind them. */
static int64_t blocks_size(const int64_t *attr) {
  return gd_min(MAX_REGS, attr[1] + attr[2] + attr[3]) * (int64_t)(BLOCK * sizeof(real));
}
static int64_t map_scratch(const int64_t *attr) {
  const int64_t walk = (attr[1] + attr[2] + 1) * attr[0] * (int64_t)sizeof(int64_t);
  return blocks_size(attr) + ((walk + 63) & ~INT64_C(63));
}
int64_t GD_NAME(gd_map_scratch)(const gd_ins *ins) { return map_scratch(ins->attr); }

int64_t GD_NAME(gd_map_open)(const gd_ins *ins, const gd_run *run, void *state) {
  map_state *s = state;
  const int64_t *attr = ins->attr;
  s->run = run;
  s->nd = gd_max(0, attr[0]), s->n_out = gd_max(0, attr[1]), s->n_in = gd_max(0, attr[2]); /* for analysers */
  s->n_code = attr[3];
  s->kind = attr + 6, s->code = s->kind + s->n_in, s->par = ins->par;
  s->chain = CHAIN_OF(attr[5]);
  s->buffer = (real *)run->scratch;
  s->shape = (int64_t *)(run->scratch + blocks_size(attr)), s->stride = s->shape + s->nd;
  s->spread = s->placed = ins->n_dim > s->nd * (s->n_in + 1), s->in_place = s->nd <= 2;
  int per_row = 0, steady = 1;
  for (int64_t d = 0; d < s->nd; ++d) s->shape[d] = gd_size(ins->dim[d], run->batch);
  s->inner = s->nd > 0 ? s->shape[s->nd - 1] : 1;
  for (int64_t o = 0; o < s->n_out; ++o) s->at[s->n_in + o] = gd_at(run, ins, (int)o);
  if (s->placed)
    for (int64_t k = s->n_in; k < s->n_in + s->n_out; ++k) {
      for (int64_t d = 0; d < s->nd; ++d) s->stride[k * s->nd + d] = gd_size(ins->dim[s->nd * (k + 1) + d], run->batch);
      if (s->stride[(k + 1) * s->nd - 1] != 1) s->in_place = 0;
    }
  for (int64_t k = 0; k < s->n_in; ++k) {
    const gd_ref ref = ins->ref[s->n_out + k];
    s->at[k] = run->base[ref.buffer] + ref.offset;
    s->is_int[k] = ref.type == GD_INT32;
    if (s->kind[k] == SPREAD) {
      s->spread = s->steady[k] = 1;
      for (int64_t d = 0; d < s->nd; ++d) {
        s->stride[k * s->nd + d] = gd_size(ins->dim[s->nd * (k + 1) + d], run->batch);
        if (d + 1 < s->nd && s->stride[k * s->nd + d]) s->steady[k] = 0;
      }
      steady &= s->steady[k];
      const int64_t along = s->nd > 0 ? s->stride[(k + 1) * s->nd - 1] : 0;
      per_row |= along == 0;
      if (s->is_int[k] || along > 1) s->in_place = 0;
    } else if (s->kind[k] != DIRECT) { /* VL equal values */
      real value = s->kind[k] == COUNT ? (real)gd_size(ins->dim[s->nd * (k + 1)], run->batch)
                   : s->is_int[k]      ? (real)*(int32_t *)s->at[k]
                                       : *(real *)s->at[k];
      v_store(s->buffer + k * BLOCK, v_set1(value));
    }
  }
  /* Rows of a few elements are taken several at a time, spread one after the other; a chain that reads
   * one number for each row has to go row by row, and what is not steady is spread anew for each block. */
  const int64_t few = s->chain ? (per_row ? 0 : 2 * VL) : steady ? BLOCK / 2 : BLOCK / 4;
  s->together = s->spread && s->inner > 0 && s->inner <= few ? BLOCK / s->inner : 0;
  return map_scratch(attr);
}

/* How far a row of operand k is from the first. */
static int64_t row_offset(const map_state *s, int64_t k, int64_t row) {
  int64_t offset = 0;
  for (int64_t d = s->nd - 2; d >= 0; --d) {
    offset += row % s->shape[d] * s->stride[k * s->nd + d];
    row /= s->shape[d];
  }
  return offset;
}

/* Where elements [first, first + n) of output k lie side by side; NULL where they do not. */
static real *output_at(const map_state *s, int64_t k, int64_t first, int64_t n) {
  if (!s->placed) return (real *)s->at[k] + first;
  const int64_t column = first % s->inner, step = s->stride[(k + 1) * s->nd - 1];
  if (column + n > s->inner || (step != 1 && n > 1)) return NULL;
  return (real *)s->at[k] + row_offset(s, k, first / s->inner) + column * step;
}

/* Moves a block to elements [first, first + n) of output k. */
static void map_scatter(const map_state *s, int64_t k, int64_t first, int64_t n, const real *from) {
  const int64_t step = s->stride[(k + 1) * s->nd - 1];
  while (n > 0) {
    const int64_t column = first % s->inner, run = gd_min(n, s->inner - column);
    real *to = (real *)s->at[k] + row_offset(s, k, first / s->inner) + column * step;
    for (int64_t i = 0; i < run; ++i) to[i * step] = from[i];
    from += run, first += run, n -= run;
  }
}

/* Writes elements [first, first + n) of input k, in the order of the walk, to a block. */
static void map_spread(const map_state *s, int64_t k, int64_t first, int64_t n, real *to) {
  const int64_t step = s->stride[(k + 1) * s->nd - 1];
  while (n > 0) {
    const int64_t column = first % s->inner, offset = row_offset(s, k, first / s->inner);
    const int64_t run = gd_min(n, s->inner - column);
    if (s->is_int[k]) {
      const int32_t *from = (const int32_t *)s->at[k] + offset + column * step;
      for (int64_t i = 0; i < run; ++i) to[i] = (real)from[i * step];
    } else {
      const real *from = (const real *)s->at[k] + offset + column * step;
      if (step == 1) {
        int64_t i = 0;
        for (; i + VL <= run; i += VL) v_store(to + i, v_load(from + i));
        if (i < run) v_store_n(to + i, v_load_n(from + i, run - i), run - i);
      } else if (step == 0) {
        const vec value = v_set1(*from);
        int64_t i = 0;
        for (; i + VL <= run; i += VL) v_store(to + i, value);
        if (i < run) v_store_n(to + i, value, run - i);
      } else {
        for (int64_t i = 0; i < run; ++i) to[i] = from[i * step];
      }
    }
    to += run, first += run, n -= run;
  }
}

/* Elements [first, first + n) of a spread input where they lie, or VL times the one number that they all
 * are, without filling a block; p is NULL where they have to be spread. */
static block_arg row_at(const map_state *s, int64_t k, int64_t first, int64_t n, real *own) {
  const int64_t step = s->stride[(k + 1) * s->nd - 1], column = first % s->inner;
  if (s->is_int[k] || step < 0 || step > 1 || column + n > s->inner) return (block_arg){NULL, 0};
  const real *from = (const real *)s->at[k] + row_offset(s, k, first / s->inner) + column * step;
  if (step == 1) return (block_arg){from, 1};
  v_store(own, v_set1(*from));
  return (block_arg){own, 0};
}

/* The program over elements [first, first + n), at most a block of them. */
static void map_block(const map_state *s, int64_t first, int64_t n, int reuse) {
  block_arg arg[MAX_REGS];
  const int64_t args = s->n_in + s->n_out;
  for (int64_t k = 0; k < s->n_in; ++k) {
    real *own = s->buffer + k * BLOCK;
    switch (s->kind[k]) {
      case DIRECT: arg[k] = (block_arg){(real *)s->at[k] + first, 1}; break;
      case SPREAD:
        arg[k] = s->together ? (block_arg){NULL, 0} : row_at(s, k, first, n, own);
        if (arg[k].p) break;
        if (!(reuse && s->steady[k])) map_spread(s, k, first, n, own);
        arg[k] = (block_arg){own, 1};
        break;
      default: arg[k] = (block_arg){own, 0};
    }
  }
  int whole = 1; /* every output is written where it lies */
  for (int64_t k = s->n_in; k < args; ++k) {
    real *to = output_at(s, k, first, n);
    whole &= to != NULL;
    arg[k] = (block_arg){to ? to : s->buffer + k * BLOCK, 1};
  }
  if (s->chain) {
    map_arg x[MAX_REGS];
    real *y[MAX_REGS];
    for (int64_t k = 0; k < s->n_in; ++k) x[k] = (map_arg){arg[k].p, 0, arg[k].step};
    for (int64_t k = 0; k < s->n_out; ++k) y[k] = (real *)arg[s->n_in + k].p;
    s->chain(&(map_region){x, y, 1, n, 0, s->par});
  }
  const block_place at = {first, s->run};
  for (int64_t c = 0; c < s->n_code && !s->chain; ++c) {
    const int64_t *code = s->code + 5 * c, dst = gd_max(0, code[1]);
    if (dst >= args) arg[dst] = (block_arg){s->buffer + dst * BLOCK, 1};
    const block_arg x[3] = {arg[code[2]], arg[code[3]], arg[code[4]]};
    block_fns[code[0]]((real *)arg[dst].p, x, n, s->par + 2 * c, &at);
  }
  if (!whole)
    for (int64_t k = s->n_in; k < args; ++k)
      if (arg[k].p == s->buffer + k * BLOCK) map_scatter(s, k, first, n, arg[k].p);
}

/* A chain over rows of n elements, `pitch` apart, all inside rows of the output if any input is spread. */
static void map_rows(const map_state *s, int64_t first, int64_t rows, int64_t n, int64_t pitch) {
  if (s->placed && rows > 1) { /* each output has a pitch of its own */
    for (int64_t r = 0; r < rows; ++r) map_rows(s, first + r * pitch, 1, n, pitch);
    return;
  }
  map_arg x[MAX_REGS];
  real *y[MAX_REGS];
  const int64_t column = s->spread ? first % s->inner : 0, row = s->spread ? first / s->inner : 0;
  for (int64_t k = 0; k < s->n_in; ++k) {
    if (s->kind[k] == DIRECT) x[k] = (map_arg){(real *)s->at[k] + first, pitch, 1};
    else if (s->kind[k] != SPREAD) x[k] = (map_arg){s->buffer + k * BLOCK, 0, 0};
    else {
      const int64_t step = s->stride[(k + 1) * s->nd - 1], next = s->nd > 1 ? s->stride[k * s->nd] : 0;
      x[k] = (map_arg){(real *)s->at[k] + row * next + column * step, next, step};
    }
  }
  if (s->placed) for (int64_t k = 0; k < s->n_out; ++k) y[k] = output_at(s, s->n_in + k, first, n);
  else for (int64_t k = 0; k < s->n_out; ++k) y[k] = (real *)s->at[s->n_in + k] + first;
  s->chain(&(map_region){x, y, rows, n, pitch, s->par});
}

/* Elements [lo, hi) of the output, in order. */
static void map_range(const map_state *s, int64_t lo, int64_t hi) {
  if (s->chain && !s->spread) {
    map_rows(s, lo, 1, hi - lo, 0);
    return;
  }
  int filled = 0; /* the steady inputs are spread for whole rows already */
  while (lo < hi) {
    const int64_t column = s->spread ? lo % s->inner : 0;
    int64_t n = BLOCK;
    if (s->together && column == 0) {
      n = gd_min(s->together * s->inner, hi - lo); /* only the last block is shorter */
      map_block(s, lo, n, filled);
      filled = 1;
    } else if (s->chain && s->in_place) {
      const int64_t rows = column == 0 ? (hi - lo) / s->inner : 0;
      n = rows ? rows * s->inner : gd_min(s->inner - column, hi - lo);
      map_rows(s, lo, gd_max(1, rows), rows ? s->inner : n, s->inner);
    } else {
      n = gd_min(s->spread ? gd_min(n, s->inner - column) : n, hi - lo);
      map_block(s, lo, n, 0);
      filled = 0;
    }
    lo += n;
  }
}

/* Columns [c0, c1) of rows [r0, r1) of the output seen as rows of `width` elements. */
void GD_NAME(gd_map_window)(const void *state, int64_t width, int64_t r0, int64_t r1, int64_t c0, int64_t c1) {
  const map_state *s = state;
  if (c1 - c0 == width) map_range(s, r0 * width, r1 * width);
  else if (s->chain && (!s->spread || (s->in_place && s->inner == width && !s->together)))
    map_rows(s, r0 * width + c0, r1 - r0, c1 - c0, width);
  else
    for (int64_t r = r0; r < r1; ++r) map_range(s, r * width + c0, r * width + c1);
}

static int64_t map_elements(const gd_ins *ins, int64_t batch) {
  int64_t n = 1;
  for (int64_t d = 0; d < ins->attr[0]; ++d) n *= gd_size(ins->dim[d], batch);
  return n;
}

/* A unit is attr[4] elements: some blocks, to pay for opening the instruction. */
int64_t GD_NAME(gd_map_units)(const gd_ins *ins, int64_t batch) {
  return gd_ceil_div(map_elements(ins, batch), ins->attr[4]);
}

void GD_NAME(gd_map)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t unit = ins->attr[4];
  map_state s;
  GD_NAME(gd_map_open)(ins, run, &s);
  map_range(&s, lo * unit, gd_min(hi * unit, map_elements(ins, run->batch)));
}
