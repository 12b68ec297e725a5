/* reduce.c: sums, maxima and log-sum-exp over one run of axes: x[outer, red, inner] -> y[outer, inner].
 *
 * Every result is one thread's, folded in a fixed order. Long sums are sums of sums of CHUNK terms,
 * so their rounding grows slowly. Called by the executor.
 *
 *   sum, max, logsumexp   ref y, x;  dim outer, red, inner;  par 1 to divide by red (a mean)
 *   sum_partial           ref parts, x;  dim n;  parts[i] = sum of x[i * PART, (i + 1) * PART)
 *   sum_final             ref y, parts;  dim n (of x);  par 1 to divide by n
 *
 * All but the last read and write views, too (reduce_walk.h), and then have
 *   dim kept[nk], red[nr], strides of x: nk, nr; of y: nk;  attr nk, nr (0 and nr for sum_partial)
 */
#include <stddef.h>

#include "../ops.h"
#include "../simd/vec.h"

enum { CHUNK = 64, PART = GD_SUM_PART };

typedef struct { int64_t outer, red, inner; } reduce_sizes;

static reduce_sizes reduce_open(const gd_ins *ins, int64_t batch) {
  return (reduce_sizes){gd_size(ins->dim[0], batch), gd_size(ins->dim[1], batch), gd_size(ins->dim[2], batch)};
}

/* A unit is some rows when the reduced axis is contiguous, else a stripe of columns of one outer row. */
enum { STRIPE = 4 * VL, ROWS = 16 };

static int64_t reduce_units(const gd_ins *ins, int64_t batch) {
  const reduce_sizes s = reduce_open(ins, batch);
  return s.inner == 1 ? gd_ceil_div(s.outer, ROWS) : s.outer * gd_ceil_div(s.inner, STRIPE);
}

static real row_sum(const real *x, int64_t n) {
  vec total = v_zero();
  for (int64_t c = 0; c < n; c += CHUNK * VL) {
    const int64_t end = gd_min(n, c + CHUNK * VL);
    vec a = v_zero(), b = v_zero();
    int64_t i = c;
    for (; i + 2 * VL <= end; i += 2 * VL) a = v_add(a, v_load(x + i)), b = v_add(b, v_load(x + i + VL));
    for (; i < end; i += VL) a = v_add(a, v_load_n(x + i, gd_min(VL, end - i)));
    total = v_add(total, v_add(a, b));
  }
  return v_hsum(total);
}

/* NaN anywhere makes the maximum NaN. */
static inline vec max_nan(vec a, vec b) { return v_select(v_ne(a, a), a, v_max(a, b)); }

static real row_max(const real *x, int64_t n) {
  vec m = v_set1(x[0]);
  int64_t i = 0;
  for (; i + VL <= n; i += VL) m = max_nan(m, v_load(x + i));
  real lane[VL];
  v_store(lane, m);
  real best = lane[0];
  for (int l = 1; l < VL; ++l)
    if (lane[l] > best || lane[l] != lane[l]) best = best != best ? best : lane[l];
  for (; i < n; ++i)
    if (x[i] > best || x[i] != x[i]) best = best != best ? best : x[i];
  return best;
}

/* An infinite maximum is subtracted as 0: then +Inf gives +Inf, and a row of -Inf gives -Inf. */
static inline vec shift_of(vec m) { return v_select(v_isfinite(m), m, v_zero()); }

static inline real row_exp_sum(const real *x, int64_t n, vec shift) {
  vec sum = v_zero();
  int64_t i = 0;
  for (; i + VL <= n; i += VL) sum = v_add(sum, v_exp(v_sub(v_load(x + i), shift)));
  if (i < n) {
    real lane[VL];
    v_store(lane, v_exp(v_sub(v_load_n(x + i, n - i), shift)));
    sum = v_add(sum, v_load_n(lane, n - i));
  }
  return v_hsum(sum);
}

static real row_logsumexp(const real *x, int64_t n) {
  const vec shift = shift_of(v_set1(row_max(x, n)));
  real out[VL];
  v_store(out, v_add(shift, v_log(v_set1(row_exp_sum(x, n, shift)))));
  return out[0];
}

/* One vector of columns, lanes beyond n unused: x[i * inner] for i < red. */
#define COLUMN(i) (n == VL ? v_load(x + (i) * inner) : v_load_n(x + (i) * inner, n))

static vec column_sum(const real *x, int64_t red, int64_t inner, int64_t n) {
  vec total = v_zero();
  for (int64_t c = 0; c < red; c += CHUNK) {
    vec part = v_zero();
    for (int64_t i = c; i < gd_min(red, c + CHUNK); ++i) part = v_add(part, COLUMN(i));
    total = v_add(total, part);
  }
  return total;
}

/* The same for some vectors of columns side by side: each row's stretch is read at once. */
VFN void columns_sum(const real *x, int64_t red, int64_t inner, int vectors, vec *total) {
  for (int k = 0; k < vectors; ++k) total[k] = v_zero();
  for (int64_t c = 0; c < red; c += CHUNK) {
    vec part[STRIPE / VL];
    for (int k = 0; k < vectors; ++k) part[k] = v_zero();
    for (int64_t i = c; i < gd_min(red, c + CHUNK); ++i)
      for (int k = 0; k < vectors; ++k) part[k] = v_add(part[k], v_load(x + i * inner + k * VL));
    for (int k = 0; k < vectors; ++k) total[k] = v_add(total[k], part[k]);
  }
}

/* How many whole vectors of a stripe of n columns were summed, into `total`: all of them. */
static int stripe_sum(const real *x, int64_t red, int64_t inner, int64_t n, vec *total) {
  switch (n / VL) {
    case 4: columns_sum(x, red, inner, 4, total); return 4;
    case 3: columns_sum(x, red, inner, 3, total); return 3;
    case 2: columns_sum(x, red, inner, 2, total); return 2;
    default: return 0;
  }
}

static vec column_max(const real *x, int64_t red, int64_t inner, int64_t n) {
  vec m = COLUMN(0);
  for (int64_t i = 1; i < red; ++i) m = max_nan(m, COLUMN(i));
  return m;
}

static vec column_logsumexp(const real *x, int64_t red, int64_t inner, int64_t n) {
  const vec shift = shift_of(column_max(x, red, inner, n));
  vec sum = v_zero();
  for (int64_t i = 0; i < red; ++i) sum = v_add(sum, v_exp(v_sub(COLUMN(i), shift)));
  return v_add(shift, v_log(sum));
}

typedef real (*row_fn)(const real *, int64_t);
typedef vec (*column_fn)(const real *, int64_t, int64_t, int64_t);
typedef int (*stripe_fn)(const real *, int64_t, int64_t, int64_t, vec *);

static void reduce(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi, row_fn row, column_fn column,
                   stripe_fn stripe, real empty) {
  const reduce_sizes s = reduce_open(ins, run->batch);
  real *y = (real *)gd_at(run, ins, 0);
  const real *x = (const real *)gd_at(run, ins, 1);
  const real scale = ins->par[0] ? (real)1 / (real)s.red : (real)1;
  if (s.inner == 1) {
    for (int64_t r = lo * ROWS; r < gd_min(s.outer, hi * ROWS); ++r)
      y[r] = s.red ? scale * row(x + r * s.red, s.red) : empty;
    return;
  }
  const int64_t stripes = gd_ceil_div(s.inner, STRIPE);
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t o = u / stripes, from = u % stripes * STRIPE;
    vec total[STRIPE / VL];
    const real *own = x + o * s.red * s.inner + from;
    const int whole = stripe && s.red ? stripe(own, s.red, s.inner, gd_min(STRIPE, s.inner - from), total) : 0;
    for (int k = 0; k < whole; ++k) v_store(y + o * s.inner + from + k * VL, v_mul(total[k], v_set1(scale)));
    for (int64_t j = from + whole * VL; j < gd_min(s.inner, from + STRIPE); j += VL) {
      const int64_t n = gd_min(VL, s.inner - j);
      vec v = s.red ? column(x + o * s.red * s.inner + j, s.red, s.inner, n) : v_set1(empty);
      v_store_n(y + o * s.inner + j, v_mul(v, v_set1(scale)), n);
    }
  }
}

#include "reduce_walk.h"

#define REDUCE(name, stripe, empty)                                                              \
  int64_t GD_NAME(gd_##name##_units)(const gd_ins *ins, int64_t batch) {                         \
    return ins->n_attr ? walk_units(ins, batch) : reduce_units(ins, batch);                       \
  }                                                                                              \
  void GD_NAME(gd_##name)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {        \
    if (ins->n_attr) walk(ins, run, lo, hi, row_##name, walk_row_##name, some_##name, empty);    \
    else reduce(ins, run, lo, hi, row_##name, column_##name, stripe, empty);                     \
  }
REDUCE(sum, stripe_sum, 0)
REDUCE(max, NULL, -(real)__builtin_inf())
REDUCE(logsumexp, NULL, -(real)__builtin_inf())

/* How many elements are summed. */
static int64_t all_of(const gd_ins *ins, int64_t batch) {
  int64_t n = 1;
  for (int64_t i = 0; i < (ins->n_attr ? ins->attr[1] : 1); ++i) n *= gd_size(ins->dim[i], batch);
  return n;
}

int64_t GD_NAME(gd_sum_partial_units)(const gd_ins *ins, int64_t batch) {
  return gd_ceil_div(all_of(ins, batch), PART);
}

void GD_NAME(gd_sum_partial)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t n = all_of(ins, run->batch);
  real *parts = (real *)gd_at(run, ins, 0);
  const real *x = (const real *)gd_at(run, ins, 1);
  if (ins->n_attr) {
    walk_parts(ins, run, parts, x, lo, hi);
    return;
  }
  for (int64_t u = lo; u < hi; ++u) parts[u] = row_sum(x + u * PART, gd_min(PART, n - u * PART));
}

int64_t GD_NAME(gd_sum_final_units)(const gd_ins *ins, int64_t batch) {
  (void)ins, (void)batch;
  return 1;
}

void GD_NAME(gd_sum_final)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  (void)lo, (void)hi;
  const int64_t n = gd_size(ins->dim[0], run->batch);
  const real scale = ins->par[0] && n ? (real)1 / (real)n : (real)1;
  *(real *)gd_at(run, ins, 0) = scale * row_sum((const real *)gd_at(run, ins, 1), gd_ceil_div(n, PART));
}
