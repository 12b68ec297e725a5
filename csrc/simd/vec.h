/* vec.h: one register of reals, the same on every instruction set.
 *
 * A kernel is written once over `vec` and compiled several times, with one of
 *   -DGD_ISA_baseline (SSE2)  -DGD_ISA_avx2  -DGD_ISA_avx512  -DGD_ISA_neon
 * and -DGD_REAL_BITS=32 or 64.  Intrinsics live in this directory only:
 *
 *   <isa>.h   what differs: load/store, fma, sqrt, rounding, min/max, compare,
 *             select, horizontal folds, and `v_ldexp`/`v_split` on AVX-512
 *   vec.h     what does not: arithmetic and bit tricks through the compiler's
 *             vector operators
 *   transpose.h  a square of VL x VL, turned over or summed up
 *   vmath.h   exp, expm1, log, log1p, tanh, sigmoid, erf
 *   vmath2.h  sin, cos, pow
 *   vmath3.h  tan, arctan2 and its kin, sinh, cosh and their inverses
 *   vrandom.h uniform random numbers
 *
 * Types: `real`, `vec` (VL reals), `vmask` (a truth value per lane), `vwide` (64-bit lanes).
 *
 *   v_load_n, v_store_n     the first n lanes, 0 <= n <= VL; memory beyond is not
 *                           touched, lanes beyond load as 0
 *   v_load_i32, _n          int32 in memory, reals in the register
 *   v_fma, v_fnma           a b + c, c - a b; rounded once where GD_FUSED is 1
 *   v_round                 to nearest, ties to even
 *   v_min, v_max            a < b ? a : b, a > b ? a : b; so b if either is nan
 *   v_lt .. v_ne            IEEE: nan compares false, v_ne true
 *   v_select(m, a, b)       m ? a : b
 *   v_hsum, v_hmax, v_hmin  lane i with lane i + VL/2, and so on by halves; v_hsums of VL vectors at once
 *
 * Compile with -ffp-contract=off: v_mul then v_add must round twice where it
 * says so.  Round-to-nearest is assumed.  Flush-to-zero and denormals-are-zero
 * may be on: a subnormal, met anywhere on the way, is then a zero, and nothing
 * else changes.
 */
#ifndef GD_SIMD_VEC_H
#define GD_SIMD_VEC_H

#include <stdint.h>

#define VFN static inline __attribute__((always_inline))

/* From here on the compiler knows nothing of a number: addresses that are made of it before and behind are not the same,
 * and so are not kept in registers that there are not. */
#define GD_ANEW(number) __asm__ volatile("" : "+r"(number))

#if GD_REAL_BITS == 32
typedef float real;
typedef uint32_t rbits;
#define R_MANT 23 /* stored fraction bits */
#define R_BIAS 127
#elif GD_REAL_BITS == 64
typedef double real;
typedef uint64_t rbits;
#define R_MANT 52
#define R_BIAS 1023
#else
#error "GD_REAL_BITS must be 32 or 64"
#endif

/* Scalar twins of v_add, v_max, v_min; the last steps of the folds. */
VFN real r_add(real a, real b) { return a + b; }
VFN real r_max(real a, real b) { return a > b ? a : b; }
VFN real r_min(real a, real b) { return a < b ? a : b; }

/* The end of every horizontal fold: lane i with lane i + half, then again. */
#define GD_FOLD4(op, q) op(op((q)[0], (q)[2]), op((q)[1], (q)[3]))
#define GD_FOLD2(op, q) op((q)[0], (q)[1])

#if defined GD_ISA_avx512
#include "avx512.h"
#elif defined GD_ISA_avx2
#include "avx2.h"
#elif defined GD_ISA_neon
#include "neon.h"
#elif defined GD_ISA_baseline
#include "baseline.h"
#else
#error "define one of GD_ISA_baseline, GD_ISA_avx2, GD_ISA_avx512, GD_ISA_neon"
#endif

/* The lanes seen as unsigned integers of the same width. */
typedef rbits vbits __attribute__((vector_size(sizeof(vec))));

VFN vec v_zero(void) { return (vec){0}; }

VFN vec v_iota(void)
{
#if VL == 16
	return (vec){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif VL == 8
	return (vec){0, 1, 2, 3, 4, 5, 6, 7};
#elif VL == 4
	return (vec){0, 1, 2, 3};
#else
	return (vec){0, 1};
#endif
}

VFN vec v_add(vec a, vec b) { return a + b; }
VFN vec v_sub(vec a, vec b) { return a - b; }
VFN vec v_mul(vec a, vec b) { return a * b; }
VFN vec v_div(vec a, vec b) { return a / b; }
VFN vec v_neg(vec a) { return -a; }

/* Bits: sign is the top one. */
#define R_SIGN ((rbits)1 << (GD_REAL_BITS - 1))
VFN vec v_abs(vec a) { return (vec)((vbits)a & ~R_SIGN); }
VFN vec v_copysign(vec mag, vec sgn)
{
	return (vec)(((vbits)mag & ~R_SIGN) | ((vbits)sgn & R_SIGN));
}

VFN vmask m_and(vmask a, vmask b) { return a & b; }
VFN vmask m_or(vmask a, vmask b) { return a | b; }
VFN vmask m_not(vmask a) { return ~a; }

#define R_INF ((real)__builtin_inf())
#define R_NAN ((real)__builtin_nan(""))
VFN vmask v_isfinite(vec a) { return v_lt(v_abs(a), v_set1(R_INF)); }

/* Adding R_MAGIC to |n| < 2^(R_MANT-1) rounds n to an integer (ties to even)
 * and leaves n + R_BIAS in the low bits of the sum: shifted to the exponent
 * field these bits ARE the number 2^n.  `v_pow2_bits` does that shift. */
#define R_MAGIC ((real)((rbits)3 << (R_MANT - 1)) + R_BIAS)
VFN vec v_pow2_bits(vec n_plus_magic) { return (vec)((vbits)n_plus_magic << R_MANT); }

/* 2^n for integral n that give a normal number. */
VFN vec v_pow2(vec n) { return v_pow2_bits(n + R_MAGIC); }

#ifndef GD_HAS_LDEXP_SPLIT
/* v * 2^n, n integral, |n| <= 2*(R_BIAS - 1).  In two halves, as 2^n alone may
 * be no normal number; only the second product can round. */
VFN vec v_ldexp(vec v, vec n)
{
	vec t = v_fma(n, v_set1((real)0.5), v_set1(R_MAGIC));
	vec n1 = t - R_MAGIC;
	return v * v_pow2_bits(t) * v_pow2(n - n1);
}

/* x = m * 2^e with 0.75 <= m < 1.5.  What is not positive and finite goes into
 * e, so that m*2^e and log(m) + e*log(2) come out right by themselves:
 * e(0) = -inf, e(inf) = inf, e(x < 0) = e(nan) = nan; m is then any number. */
VFN vec v_split(vec x, vec *e)
{
	const rbits one = (rbits)R_BIAS << R_MANT;
	const rbits p75 = one - ((rbits)1 << (R_MANT - 1));
	const real lift = (real)((rbits)1 << (R_MANT + 1)); /* 2^(R_MANT+1) */
	const real two_mant = (real)((rbits)1 << R_MANT);
	vec normal_min = (vec)((vbits){0} + ((rbits)1 << R_MANT));

	vmask sub = v_lt(x, normal_min);
	vbits t = (vbits)v_select(sub, x * lift, x) + (one - p75);
	vec bias = v_select(sub, v_set1(two_mant + R_BIAS + R_MANT + 1), v_set1(two_mant + R_BIAS));
	/* the exponent field as a real: or it into the fraction of 2^R_MANT */
	vec ex = (vec)((t >> R_MANT) | (vbits)v_set1(two_mant)) - bias;
	vec m = (vec)((t & (((rbits)1 << R_MANT) - 1)) + p75);
	vec bad = v_select(v_eq(x, v_zero()), v_set1(-R_INF), v_set1(R_NAN));

	ex = v_select(v_lt(x, v_set1(R_INF)), ex, x);
	*e = v_select(v_gt(x, v_zero()), ex, bad);
	return m;
}
#endif

#include "transpose.h"
#include "vmath.h"
#include "vmath2.h"
#include "vmath3.h"
#include "vrandom.h"

#endif
