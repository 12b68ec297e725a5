/* map.c: y[i] = f(a[i], b[i], ...) for a whole chain of elementwise operations in one pass.
 *
 * The chain is a little program. It runs over blocks small enough that every intermediate stays in
 * L1: each operation is one loop over a block. Inputs may be broadcast or strided; those are spread
 * into a block first. Called by the executor, and by the products on each range they finish.
 *
 *   ref   outputs, inputs
 *   dim   shape[nd], then strides[nd] of each input (for a COUNT input: the number itself, in the first)
 *   attr  nd, n_out, n_in, n_code, unit, kind[n_in], code[n_code][5] = operation, destination, up to 3 arguments
 *   par   two numbers for each operation
 *
 * Registers: inputs first, then outputs, then temporaries.
 */
#include "../map_ops.h"
#include "../ops.h"
#include "../rng.h"
#include "../simd/vec.h"

enum { DIRECT = 0, SPREAD = 1, SCALAR = 2, COUNT = 3 };
enum { BLOCK = 2048 / sizeof(real), MAX_DIMS = 8, MAX_REGS = 128 };

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

#define LOOP(LOAD, LOAD_N, EXPR)                                   \
  int64_t i = 0;                                                   \
  _Pragma("GCC unroll 4") for (; i + VL <= n; i += VL) {           \
    LOAD;                                                          \
    v_store(y + i, EXPR);                                          \
  }                                                                \
  if (i < n) {                                                     \
    LOAD_N;                                                        \
    v_store_n(y + i, EXPR, n - i);                                 \
  }

#define HEAD(name) static void map_##name(real *y, const block_arg *x, int64_t n, const double *par, \
                                          const block_place *at)
#define UNARY(name, EXPR)                                     \
  HEAD(name) {                                                \
    (void)par, (void)at;                                      \
    OPEN(0)                                                   \
    vec a;                                                    \
    LOOP(a = NEXT(0), a = LAST(0), EXPR)                      \
  }
/* p and q are the operation's two numbers */
#define UNARY_PAR(name, EXPR)                                                       \
  HEAD(name) {                                                                      \
    (void)at;                                                                       \
    const vec p = v_set1((real)par[0]), q = v_set1((real)par[1]);                   \
    (void)p, (void)q;                                                               \
    OPEN(0)                                                                         \
    vec a;                                                                          \
    LOOP(a = NEXT(0), a = LAST(0), EXPR)                                            \
  }
#define BINARY(name, EXPR)                                                          \
  HEAD(name) {                                                                      \
    (void)par, (void)at;                                                            \
    OPEN(0)                                                                         \
    OPEN(1)                                                                         \
    vec a, b;                                                                       \
    LOOP(a = NEXT(0); b = NEXT(1), a = LAST(0); b = LAST(1), EXPR)                  \
  }

static inline vec one(void) { return v_set1((real)1); }
static inline vec half(void) { return v_set1((real)0.5); }
static inline vec truth(vmask m) { return v_select(m, one(), v_zero()); }

UNARY(identity, a)
UNARY(neg, v_neg(a))
UNARY(abs, v_abs(a))
UNARY(exp, v_exp(a))
UNARY(expm1, v_expm1(a))
UNARY(log, v_log(a))
UNARY(log1p, v_log1p(a))
UNARY(sqrt, v_sqrt(a))
UNARY(square, v_mul(a, a))
UNARY(reciprocal, v_div(one(), a))
UNARY(sin, v_sin(a))
UNARY(cos, v_cos(a))
UNARY(floor, v_floor(a))
UNARY(round, v_round(a))
UNARY(erf, v_erf(a))
UNARY(tanh, v_tanh(a))
UNARY(sigmoid, v_sigmoid(a))

/* sign(0) = 0, and NaN stays NaN */
static inline vec sign(vec a) {
  vec s = v_sub(truth(v_gt(a, v_zero())), truth(v_lt(a, v_zero())));
  return v_select(v_ne(a, a), a, s);
}
UNARY(sign, sign(a))

UNARY(relu, v_max(v_zero(), a)) /* in this order NaN passes through */
UNARY_PAR(leaky_relu, v_select(v_lt(a, v_zero()), v_mul(p, a), a))
UNARY_PAR(elu, v_select(v_lt(a, v_zero()), v_mul(p, v_expm1(a)), a))
UNARY(gelu, v_mul(v_mul(half(), a), v_add(one(), v_erf(v_mul(a, v_set1((real)0.70710678118654752440))))))

static inline vec gelu_tanh(vec a) { /* a/2 (1 + tanh(sqrt(2/pi) (a + 0.044715 a^3))) */
  vec inner = v_mul(a, v_fma(v_mul(a, a), v_set1((real)(0.79788456080286535588 * 0.044715)),
                             v_set1((real)0.79788456080286535588)));
  return v_mul(v_mul(half(), a), v_add(one(), v_tanh(inner)));
}
UNARY(gelu_tanh, gelu_tanh(a))
UNARY(silu, v_mul(a, v_sigmoid(a)))

static inline vec softplus(vec a) { /* log(1 + e^a) without overflow */
  vec tail = v_log1p(v_exp(v_neg(v_abs(a))));
  return v_add(v_max(v_zero(), a), tail);
}
UNARY(softplus, softplus(a))
UNARY(softsign, v_div(a, v_add(one(), v_abs(a))))

static inline vec hard_sigmoid(vec a) { /* clip((a + 3) / 6, 0, 1) */
  vec ramp = v_mul(v_add(a, v_set1((real)3)), v_set1((real)(1.0 / 6.0)));
  return v_min(one(), v_max(v_zero(), ramp));
}
UNARY(hard_sigmoid, hard_sigmoid(a))
UNARY(hard_swish, v_mul(a, hard_sigmoid(a)))

static inline vec mish(vec a) { /* a tanh(softplus(a)) = a w/(w + 2) with w = e^a (e^a + 2) */
  vec e = v_exp(v_min(v_set1((real)20), a)); /* beyond 20 the quotient is 1 */
  vec w = v_mul(e, v_add(e, v_set1((real)2)));
  return v_mul(a, v_div(w, v_add(w, v_set1((real)2))));
}
UNARY(mish, mish(a))

/* numpy.maximum and minimum: NaN if either is */
static inline vec maximum(vec a, vec b) { return v_select(v_ne(a, a), a, v_max(a, b)); }
static inline vec minimum(vec a, vec b) { return v_select(v_ne(a, a), a, v_min(a, b)); }

BINARY(add, v_add(a, b))
BINARY(sub, v_sub(a, b))
BINARY(mul, v_mul(a, b))
BINARY(div, v_div(a, b))
BINARY(pow, v_pow(a, b))
BINARY(maximum, maximum(a, b))
BINARY(minimum, minimum(a, b))
BINARY(equal, truth(v_eq(a, b)))
BINARY(not_equal, truth(v_ne(a, b)))
BINARY(less, truth(v_lt(a, b)))
BINARY(less_equal, truth(v_le(a, b)))

HEAD(where) {
  (void)par, (void)at;
  OPEN(0)
  OPEN(1)
  OPEN(2)
  vec c, a, b;
  LOOP(c = NEXT(0); a = NEXT(1); b = NEXT(2), c = LAST(0); a = LAST(1); b = LAST(2),
       v_select(v_ne(c, v_zero()), a, b))
}

/* Uniform on [0, 1): the top 24 (float32) or 53 (float64) bits of the counter's draw. */
HEAD(random_uniform) {
  (void)x;
  const uint64_t key = gd_rng_key(at->run->seed, (uint64_t)par[0], at->run->step);
  for (int64_t i = 0; i < n; ++i) {
    uint64_t bits = gd_philox((uint64_t)(at->first + i), key);
#if GD_REAL_BITS == 32
    y[i] = (real)((uint32_t)bits >> 8) * (real)0x1p-24;
#else
    y[i] = (real)(bits >> 11) * (real)0x1p-53;
#endif
  }
}

#define ROW(name) map_##name,
static const block_fn block_fns[] = {GD_MAP_OPS(ROW)};

/* The instruction, with this batch's sizes filled in. */
typedef struct {
  int64_t nd, n_out, n_in, n_code, inner, rows_per_block, block;
  int64_t shape[MAX_DIMS], stride[MAX_REGS][MAX_DIMS];
  const int64_t *kind, *code;
  const double *par;
  char *at[MAX_REGS];
  int is_int[MAX_REGS], steady[MAX_REGS]; /* steady: the same for every row, so spread once */
  real *buffer;
} map_state;

static void map_open(map_state *s, const gd_ins *ins, const gd_run *run) {
  const int64_t *attr = ins->attr;
  s->nd = attr[0], s->n_out = attr[1], s->n_in = attr[2], s->n_code = attr[3];
  s->kind = attr + 5, s->code = s->kind + s->n_in, s->par = ins->par;
  s->buffer = (real *)run->scratch;
  for (int64_t d = 0; d < s->nd; ++d) s->shape[d] = gd_size(ins->dim[d], run->batch);
  s->inner = s->nd ? s->shape[s->nd - 1] : 1;
  for (int64_t k = 0; k < s->n_out; ++k) s->at[s->n_in + k] = gd_at(run, ins, (int)k);
  int spread = 0;
  for (int64_t k = 0; k < s->n_in; ++k) {
    const gd_ref ref = ins->ref[s->n_out + k];
    s->at[k] = run->base[ref.buffer] + ref.offset;
    s->is_int[k] = ref.type == GD_INT32;
    s->steady[k] = 1;
    for (int64_t d = 0; d < s->nd; ++d) {
      s->stride[k][d] = gd_size(ins->dim[s->nd * (k + 1) + d], run->batch);
      if (d + 1 < s->nd && s->stride[k][d]) s->steady[k] = 0;
    }
    spread |= s->kind[k] == SPREAD;
    if (s->kind[k] == SCALAR || s->kind[k] == COUNT) { /* VL equal values */
      real value = s->kind[k] == COUNT ? (real)gd_size(ins->dim[s->nd * (k + 1)], run->batch)
                   : s->is_int[k]      ? (real)*(int32_t *)s->at[k]
                                       : *(real *)s->at[k];
      v_store(s->buffer + k * BLOCK, v_set1(value));
    }
  }
  /* Rows of a few elements are taken several at a time, long rows in pieces. */
  s->rows_per_block = spread && s->inner > 0 && s->inner <= BLOCK / 2 ? BLOCK / s->inner : 0;
  s->block = spread ? 0 : BLOCK;
}

/* Writes elements [first, first + n) of input k, in the order of the output, to a block. */
static void map_spread(const map_state *s, int64_t k, int64_t first, int64_t n, real *to) {
  const int64_t last = s->nd - 1, step = s->stride[k][last];
  while (n > 0) {
    int64_t column = first % s->inner, row = first / s->inner, offset = 0;
    for (int64_t d = last - 1; d >= 0; --d) {
      offset += row % s->shape[d] * s->stride[k][d];
      row /= s->shape[d];
    }
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
      } else {
        for (int64_t i = 0; i < run; ++i) to[i] = from[i * step];
      }
    }
    to += run, first += run, n -= run;
  }
}

/* The program over elements [first, first + n), at most a block of them. */
static void map_block(const map_state *s, const gd_run *run, int64_t first, int64_t n, int reuse) {
  block_arg arg[MAX_REGS];
  for (int64_t k = 0; k < s->n_in; ++k) {
    real *own = s->buffer + k * BLOCK;
    switch (s->kind[k]) {
      case DIRECT: arg[k] = (block_arg){(real *)s->at[k] + first, 1}; break;
      case SPREAD:
        if (!(reuse && s->steady[k])) map_spread(s, k, first, n, own);
        arg[k] = (block_arg){own, 1};
        break;
      default: arg[k] = (block_arg){own, 0};
    }
  }
  for (int64_t k = s->n_in; k < s->n_in + s->n_out; ++k) arg[k] = (block_arg){(real *)s->at[k] + first, 1};
  const block_place at = {first, run};
  for (int64_t c = 0; c < s->n_code; ++c) {
    const int64_t *code = s->code + 5 * c, dst = code[1];
    if (dst >= s->n_in + s->n_out) arg[dst] = (block_arg){s->buffer + dst * BLOCK, 1};
    const block_arg x[3] = {arg[code[2]], arg[code[3]], arg[code[4]]};
    block_fns[code[0]]((real *)arg[dst].p, x, n, s->par + 2 * c, &at);
  }
}

static void map_range(map_state *s, const gd_run *run, int64_t lo, int64_t hi) {
  int filled = 0; /* the steady inputs are spread for whole rows already */
  while (lo < hi) {
    int64_t n;
    int reuse = 0;
    if (s->block) n = s->block;
    else if (s->rows_per_block && lo % s->inner == 0) {
      n = s->rows_per_block * s->inner; /* only the last block is shorter */
      reuse = filled;
      filled = 1;
    } else {
      n = gd_min(BLOCK, s->inner - lo % s->inner);
      filled = 0;
    }
    n = gd_min(n, hi - lo);
    map_block(s, run, lo, n, reuse);
    lo += n;
  }
}

static int64_t map_elements(const gd_ins *ins, int64_t batch) {
  int64_t n = 1;
  for (int64_t d = 0; d < ins->attr[0]; ++d) n *= gd_size(ins->dim[d], batch);
  return n;
}

/* A unit is attr[4] elements: some blocks, to pay for opening the instruction; one, after a product. */
int64_t GD_NAME(gd_map_units)(const gd_ins *ins, int64_t batch) {
  return gd_ceil_div(map_elements(ins, batch), ins->attr[4]);
}

void GD_NAME(gd_map)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t unit = ins->attr[4];
  map_state s;
  map_open(&s, ins, run);
  map_range(&s, run, lo * unit, gd_min(hi * unit, map_elements(ins, run->batch)));
}
