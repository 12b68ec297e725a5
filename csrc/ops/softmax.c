/* softmax.c: y = e^(x - max) / Σ e^(x - max), or its logarithm x - max - log Σ, along one run of axes:
 * x[outer, red, inner] -> y[outer, red, inner].
 *
 * A row is walked three times, for its maximum, its sum and its result, while the caches hold it. A NaN makes the sum
 * NaN, and so the row. Sums are sums of sums, in an order that depends on `red` alone. Called by the executor.
 *
 *   softmax   ref y, x;  dim outer, red, inner;  attr 1 for the logarithm
 */
#include "../ops.h"
#include "../simd/exp_normal.h"

/* A unit is some rows where the axis is contiguous, else a vector of columns of one outer row. SUMMED vectors are added
 * up by themselves, FOUR of them side by side. */
enum { ROWS = 16, FOUR = 4, SUMMED = 64 };

/* The first n lanes, and another number in those behind. */
VFN vec first_lanes(vec a, int64_t n, real other) { return v_select(v_lt(v_iota(), v_set1((real)n)), a, v_set1(other)); }

static real row_max(const real *x, int64_t n) {
  vec m[FOUR];
#pragma GCC unroll 4
  for (int v = 0; v < FOUR; ++v) m[v] = v_set1(-R_INF);
  int64_t i = 0;
  for (; i + FOUR * VL <= n; i += FOUR * VL)
#pragma GCC unroll 4
    for (int v = 0; v < FOUR; ++v) m[v] = v_max(v_load(x + i + v * VL), m[v]);
  for (; i + VL <= n; i += VL) m[0] = v_max(v_load(x + i), m[0]);
  if (i < n) m[1] = v_max(first_lanes(v_load_n(x + i, n - i), n - i, -R_INF), m[1]);
  return v_hmax(v_max(v_max(m[0], m[1]), v_max(m[2], m[3])));
}

/* Σ e^(x - top) over a row; with `keep` each is written to y. */
VFN real row_sum(real *y, const real *x, int64_t n, vec top, const int keep) {
  vec total = v_zero();
  for (int64_t c = 0; c < n; c += SUMMED * FOUR * VL) {
    const int64_t end = gd_min(n, c + SUMMED * FOUR * VL);
    vec sum[FOUR];
#pragma GCC unroll 4
    for (int v = 0; v < FOUR; ++v) sum[v] = v_zero();
    int64_t i = c;
    for (; i + FOUR * VL <= end; i += FOUR * VL)
#pragma GCC unroll 4
      for (int v = 0; v < FOUR; ++v) {
        const vec e = v_exp_normal(v_sub(v_load(x + i + v * VL), top));
        if (keep) v_store(y + i + v * VL, e);
        sum[v] = v_add(sum[v], e);
      }
    for (; i < end; i += VL) {
      const int64_t left = gd_min(VL, end - i);
      const vec e = v_exp_normal(v_sub(left == VL ? v_load(x + i) : v_load_n(x + i, left), top));
      if (keep && left == VL) v_store(y + i, e);
      else if (keep) v_store_n(y + i, e, left);
      sum[0] = v_add(sum[0], left == VL ? e : first_lanes(e, left, 0));
    }
    total = v_add(total, v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3])));
  }
  return v_hsum(total);
}

static void softmax_row(real *y, const real *x, int64_t n) {
  const real sum = row_sum(y, x, n, v_set1(row_max(x, n)), 1);
  const vec share = v_set1((real)1 / sum);
  int64_t i = 0;
  for (; i + VL <= n; i += VL) v_store(y + i, v_mul(v_load(y + i), share));
  if (i < n) v_store_n(y + i, v_mul(v_load_n(y + i, n - i), share), n - i);
}

static void log_softmax_row(real *y, const real *x, int64_t n) {
  const vec top = v_set1(row_max(x, n)), less = v_log(v_set1(row_sum(y, x, n, top, 0)));
  int64_t i = 0;
  for (; i + VL <= n; i += VL) v_store(y + i, v_sub(v_sub(v_load(x + i), top), less));
  if (i < n) v_store_n(y + i, v_sub(v_sub(v_load_n(x + i, n - i), top), less), n - i);
}

/* n columns side by side, at most VL, of `red` elements `inner` apart. */
#define COLUMN(x, i) (n == VL ? v_load((x) + (i) * inner) : v_load_n((x) + (i) * inner, n))
#define PUT(y, i, a)                                   \
  do {                                                 \
    const vec put = a;                                 \
    if (n == VL) v_store((y) + (i) * inner, put);      \
    else v_store_n((y) + (i) * inner, put, n);         \
  } while (0)

static void softmax_columns(real *y, const real *x, int64_t red, int64_t inner, int64_t n, int logarithm) {
  vec top = v_set1(-R_INF), total = v_zero();
  for (int64_t i = 0; i < red; ++i) top = v_max(COLUMN(x, i), top);
  for (int64_t c = 0; c < red; c += SUMMED) {
    vec sum = v_zero();
    for (int64_t i = c; i < gd_min(red, c + SUMMED); ++i) {
      const vec e = v_exp_normal(v_sub(COLUMN(x, i), top));
      if (!logarithm) PUT(y, i, e);
      sum = v_add(sum, e);
    }
    total = v_add(total, sum);
  }
  const vec less = v_log(total), share = v_div(v_set1((real)1), total);
  if (logarithm)
    for (int64_t i = 0; i < red; ++i) PUT(y, i, v_sub(v_sub(COLUMN(x, i), top), less));
  else
    for (int64_t i = 0; i < red; ++i) PUT(y, i, v_mul(COLUMN(y, i), share));
}

int64_t GD_NAME(gd_softmax_units)(const gd_ins *ins, int64_t batch) {
  const int64_t outer = gd_size(ins->dim[0], batch), inner = gd_size(ins->dim[2], batch);
  return inner == 1 ? gd_ceil_div(outer, ROWS) : outer * gd_ceil_div(inner, VL);
}

void GD_NAME(gd_softmax)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t outer = gd_size(ins->dim[0], run->batch), red = gd_size(ins->dim[1], run->batch);
  const int64_t inner = gd_size(ins->dim[2], run->batch);
  const int logarithm = (int)ins->attr[0];
  real *y = (real *)gd_at(run, ins, 0);
  const real *x = (const real *)gd_at(run, ins, 1);
  if (red == 0 || lo >= hi) return;
  if (inner == 1) {
    for (int64_t r = lo * ROWS; r < gd_min(outer, hi * ROWS); ++r) {
      if (logarithm) log_softmax_row(y + r * red, x + r * red, red);
      else softmax_row(y + r * red, x + r * red, red);
    }
    return;
  }
  const int64_t stripes = gd_ceil_div(inner, VL);
  for (int64_t u = lo; u < hi; ++u) {
    const int64_t at = u / stripes * red * inner + u % stripes * VL;
    softmax_columns(y + at, x + at, red, inner, gd_min(VL, inner - u % stripes * VL), logarithm);
  }
}
