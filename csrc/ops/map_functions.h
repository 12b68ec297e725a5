/* map_functions.h: what each operation of map_ops.h does to a vector, e_<name>(operands, number).
 *
 * map.c runs any chain of them, operation by operation over short blocks; map_chains.h has the common chains
 * as loops that keep everything in registers. Both are made of these functions, so their bits are the same.
 */
#ifndef GD_MAP_FUNCTIONS_H
#define GD_MAP_FUNCTIONS_H

#include "../simd/exp_normal.h"

VFN vec e_one(void) { return v_set1((real)1); }
VFN vec e_half(void) { return v_set1((real)0.5); }
VFN vec e_truth(vmask m) { return v_select(m, e_one(), v_zero()); }

VFN vec e_identity(vec a) { return a; }
VFN vec e_neg(vec a) { return v_neg(a); }
VFN vec e_abs(vec a) { return v_abs(a); }
VFN vec e_exp(vec a) { return v_exp(a); }
VFN vec e_expm1(vec a) { return v_expm1(a); }
VFN vec e_log(vec a) { return v_log(a); }
VFN vec e_log1p(vec a) { return v_log1p(a); }
VFN vec e_sqrt(vec a) { return v_sqrt(a); }
VFN vec e_square(vec a) { return v_mul(a, a); }
VFN vec e_reciprocal(vec a) { return v_div(e_one(), a); }
VFN vec e_sin(vec a) { return v_sin(a); }
VFN vec e_cos(vec a) { return v_cos(a); }
VFN vec e_tan(vec a) { return v_tan(a); }
VFN vec e_arcsin(vec a) { return v_arcsin(a); }
VFN vec e_arccos(vec a) { return v_arccos(a); }
VFN vec e_arctan(vec a) { return v_arctan(a); }
VFN vec e_sinh(vec a) { return v_sinh(a); }
VFN vec e_cosh(vec a) { return v_cosh(a); }
VFN vec e_arcsinh(vec a) { return v_arcsinh(a); }
VFN vec e_arccosh(vec a) { return v_arccosh(a); }
VFN vec e_arctanh(vec a) { return v_arctanh(a); }
VFN vec e_floor(vec a) { return v_floor(a); }
VFN vec e_round(vec a) { return v_round(a); }
VFN vec e_erf(vec a) { return v_erf(a); }
VFN vec e_tanh(vec a) { return v_tanh(a); }
VFN vec e_sigmoid(vec a) { return v_sigmoid(a); }

VFN vec e_sign(vec a) { /* sign(0) = 0, and NaN stays NaN */
  vec s = v_sub(e_truth(v_gt(a, v_zero())), e_truth(v_lt(a, v_zero())));
  return v_select(v_ne(a, a), a, s);
}

VFN vec e_relu(vec a) { return v_max(v_zero(), a); } /* in this order NaN passes through */
VFN vec e_leaky_relu(vec a, vec slope) { return v_select(v_lt(a, v_zero()), v_mul(slope, a), a); }
VFN vec e_elu(vec a, vec alpha) { return v_select(v_lt(a, v_zero()), v_mul(alpha, v_expm1(a)), a); }

VFN vec e_gelu(vec a) { /* a/2 (1 + erf(a / sqrt 2)) */
  return v_mul(v_mul(e_half(), a), v_add(e_one(), v_erf(v_mul(a, v_set1((real)0.70710678118654752440)))));
}

VFN vec e_gelu_tanh(vec a) { /* a/2 (1 + tanh(sqrt(2/pi) (a + 0.044715 a^3))) */
  vec inner = v_mul(a, v_fma(v_mul(a, a), v_set1((real)(0.79788456080286535588 * 0.044715)),
                             v_set1((real)0.79788456080286535588)));
  return v_mul(v_mul(e_half(), a), v_add(e_one(), v_tanh(inner)));
}

VFN vec e_silu(vec a) { return v_mul(a, v_sigmoid(a)); }

VFN vec e_softplus(vec a) { /* log(1 + e^a) without overflow */
  vec tail = v_log1p(v_exp(v_neg(v_abs(a))));
  return v_add(v_max(v_zero(), a), tail);
}

VFN vec e_softsign(vec a) { return v_div(a, v_add(e_one(), v_abs(a))); }

VFN vec e_hard_sigmoid(vec a) { /* clip((a + 3) / 6, 0, 1) */
  vec ramp = v_mul(v_add(a, v_set1((real)3)), v_set1((real)(1.0 / 6.0)));
  return v_min(e_one(), v_max(v_zero(), ramp));
}
VFN vec e_hard_swish(vec a) { return v_mul(a, e_hard_sigmoid(a)); }

VFN vec e_mish(vec a) { /* a tanh(softplus(a)) = a w/(w + 2) with w = e^a (e^a + 2) */
  vec e = v_exp_normal(v_min(v_set1((real)20), a)); /* beyond 20 the quotient is 1 */
  vec w = v_mul(e, v_add(e, v_set1((real)2)));
  return v_mul(a, v_div(w, v_add(w, v_set1((real)2))));
}

VFN vec e_add(vec a, vec b) { return v_add(a, b); }
VFN vec e_sub(vec a, vec b) { return v_sub(a, b); }
VFN vec e_mul(vec a, vec b) { return v_mul(a, b); }
VFN vec e_div(vec a, vec b) { return v_div(a, b); }
VFN vec e_pow(vec a, vec b) { return v_pow(a, b); }
VFN vec e_arctan2(vec a, vec b) { return v_arctan2(a, b); }
/* as numpy.maximum and minimum: NaN if either is */
VFN vec e_maximum(vec a, vec b) { return v_select(v_ne(a, a), a, v_max(a, b)); }
VFN vec e_minimum(vec a, vec b) { return v_select(v_ne(a, a), a, v_min(a, b)); }
VFN vec e_equal(vec a, vec b) { return e_truth(v_eq(a, b)); }
VFN vec e_not_equal(vec a, vec b) { return e_truth(v_ne(a, b)); }
VFN vec e_less(vec a, vec b) { return e_truth(v_lt(a, b)); }
VFN vec e_less_equal(vec a, vec b) { return e_truth(v_le(a, b)); }

VFN vec e_where(vec c, vec a, vec b) { return v_select(v_ne(c, v_zero()), a, b); }

#endif
