/* finite.c: whether every element is finite. The training loop asks it of the gradients before an update.
 *
 *   all_finite  ref flag (int32), x;  dim n;  attr 1 if squares are asked, too: most optimizers take them
 *               the flag is cleared where an element (or its square) is Inf or NaN
 *               with groups as a third operand: the numbers of so many rows; dim n, width (see rows.c)
 *
 *   outer_peak  ref y, a, b;  dim n, m
 *               y = max |a| max |b|: the largest magnitude of a column times a row, which is finite if and
 *               only if all of it is (rounding keeps order; NaN, and Inf times 0, make it NaN, as they make
 *               an element)
 *
 * The executor sets the flag before each step; units only ever clear it, so they need no order.
 */
#include "../ops.h"
#include "../simd/vec.h"

enum { PIECE = 16384 };

int64_t GD_NAME(gd_all_finite_units)(const gd_ins *ins, int64_t batch) {
  const int64_t width = ins->n_ref > 2 ? gd_size(ins->dim[1], batch) : 1;
  return gd_ceil_div(gd_size(ins->dim[0], batch) * width, PIECE);
}

void GD_NAME(gd_all_finite)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const real *x = (const real *)gd_at(run, ins, 1);
  int64_t n = gd_size(ins->dim[0], run->batch);
  if (ins->n_ref > 2) n = gd_max(0, gd_min(n, ((const int32_t *)gd_at(run, ins, 2))[3 * n])) * gd_size(ins->dim[1], run->batch);
  const int64_t end = gd_min(n, hi * PIECE);
  /* x * 0 is 0 for finite x and NaN otherwise: few instructions a vector, and NaN sticks in the sum. */
  const int squared = (int)ins->attr[0];
  vec a = v_zero(), b = v_zero();
  int64_t i = lo * PIECE;
  for (; i + 2 * VL <= end; i += 2 * VL) {
    const vec first = v_load(x + i), second = v_load(x + i + VL);
    a = v_fma(squared ? v_mul(first, first) : first, v_zero(), a);
    b = v_fma(squared ? v_mul(second, second) : second, v_zero(), b);
  }
  for (; i < end; i += VL) {
    const vec last = v_load_n(x + i, gd_min(VL, end - i));
    a = v_fma(squared ? v_mul(last, last) : last, v_zero(), a);
  }
  a = v_add(a, b);
  if (m_any(v_ne(a, a))) __atomic_store_n((int32_t *)gd_at(run, ins, 0), 0, __ATOMIC_RELAXED);
}

/* A maximum may lose a NaN; the sum of x * 0 does not. */
static real peak(const real *x, int64_t n) {
  vec most = v_zero(), sum = v_zero();
  for (int64_t i = 0; i < n; i += VL) {
    const vec a = v_load_n(x + i, gd_min(VL, n - i));
    most = v_max(v_abs(a), most);
    sum = v_fma(a, v_zero(), sum);
  }
  return v_hmax(most) + v_hsum(sum);
}

int64_t GD_NAME(gd_outer_peak_units)(const gd_ins *ins, int64_t batch) { return (void)ins, (void)batch, 1; }

void GD_NAME(gd_outer_peak)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  if (lo < hi)
    *(real *)gd_at(run, ins, 0) = peak((const real *)gd_at(run, ins, 1), gd_size(ins->dim[0], run->batch)) *
                                  peak((const real *)gd_at(run, ins, 2), gd_size(ins->dim[1], run->batch));
}
