/* exp_normal.h: an exponential for kernels that want no subnormal numbers, as ops/softmax.c and ops/map_functions.h. */
#ifndef GD_EXP_NORMAL_H
#define GD_EXP_NORMAL_H

#include "vec.h"

/* e^x for x up to some 80, and 0 where that is less than the smallest normal number: the bits that 2^-R_BIAS would have
 * are those of 0. v_exp, which knows subnormal and the largest numbers, takes half as long again. */
VFN vec v_exp_normal(vec x) {
  vec n, s;
  const vec p = v_exp_core(v_max(v_set1((real)(-R_BIAS * 0.69314718055994530942)), x), &n, &s);
  return v_fma(s, p, s);
}

#endif
