/* vmath2.h: sin, cos, pow over `vec`.  See vmath.h for how polynomials are made. */

/* pi/2 in parts.  With fma two full-width parts leave no error worth naming but
 * their own tail; without, parts are short so that n * part is exact.  All are
 * cut downwards: with positive parts -0 stays -0. */
#if GD_REAL_BITS == 32
#if GD_FUSED
#define R_PIO2 {0x1.921fb4p+0f, 0x1.4442d0p-24f, 0x1.846988p-48f}
#else
#define R_PIO2 {0x1.92p+0f, 0x1.fb4p-12f, 0x1.444p-24f, 0x1.68cp-39f, 0x1.1a6262p-54f}
#endif
#else
#if GD_FUSED
#define R_PIO2 {0x1.921fb54442d18p+0, 0x1.1a62633145c06p-54, 0x1.c1cd129024e08p-107}
#else
#define R_PIO2 {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2ep-69, 0x1.b839a252049c1p-104}
#endif
#endif

/* sin(x + quarter * pi/2), x = n pi/2 + r, |r| <= pi/4.
 * Good to 2 ulp for |x| <= 1e4; farther out it decays, in the end to merely
 * some value in [-1, 1].  nan for +-inf. */
VFN vec v_sin_quarter(vec x, rbits quarter)
{
	static const real pio2[] = R_PIO2;
	/* (sin r - r) / r^3 and (cos r - 1 + r^2/2) / r^4 in z = r^2 <= 0.6171,
	 * err 2^-27.9 and 2^-32.9, 2^-57.8 and 2^-63.3 */
#if GD_REAL_BITS == 32
	static const real sc[] = {-0.166666552f, 0.00833218917f, -0.000195182438f};
	static const real cc[] = {0.0416666456f, -0.00138873095f, 2.44324256e-05f};
#else
	static const real sc[] = {
	    -0.1666666666666663, 0.0083333333333218407, -0.00019841269829359192,
	    2.7557313538801039e-06, -2.5050734440700368e-08, 1.589543656791162e-10};
	static const real cc[] = {
	    0.041666666666666595, -0.0013888888888873338, 2.480158728899633e-05,
	    -2.7557314214804933e-07, 2.0875705026135427e-09, -1.1358727081642636e-11};
#endif
	const vec r_max = v_set1((real)0.8);
	vec t = v_fma(x, v_set1((real)0.63661977236758138), v_set1(R_MAGIC));
	vec n = t - R_MAGIC;
	vec r = x;
#if GD_FUSED
	r = v_fnma(n, v_set1(pio2[0]), r);
	r = v_fnma(n, v_set1(pio2[1]), r);
	r = v_fnma(n, v_set1(pio2[2]), r);
#else
	/* the last step that is not small rounds: keep what it lost */
	enum { TAIL = sizeof pio2 / sizeof *pio2 - 2 };
	vec was = r, part = r;
#pragma GCC unroll 8
	for (int i = 0; i < TAIL; i++) {
		part = n * pio2[i];
		was = r;
		r = r - part;
	}
	r = r - ((n * pio2[TAIL] + n * pio2[TAIL + 1]) - ((was - r) - part));
#endif
	r = v_max(-r_max, v_min(r_max, r)); /* bounds huge x; nan stays */

	/* t's low bits hold n + R_BIAS, and R_BIAS = -1 modulo 4 */
	vbits q = (vbits)t + (1 + quarter);
	vmask odd = v_ne((vec)((q & 1) << R_MANT), v_zero());
	vec z = r * r;
	/* r + r^3 s; the sign of -0 is lost in the sum */
	vec s = v_copysign(v_fma(r * z, v_horner(z, sc, sizeof sc / sizeof *sc), r), r);
	vec c = v_fma(z * z, v_horner(z, cc, sizeof cc / sizeof *cc),
	              v_fnma(z, v_set1((real)0.5), v_set1(1)));
	vec y = v_select(odd, c, s);
	return (vec)((vbits)y ^ ((q & 2) << (GD_REAL_BITS - 2)));
}

VFN vec v_sin(vec x) { return v_sin_quarter(x, 0); }
VFN vec v_cos(vec x) { return v_sin_quarter(x, 1); }

/* a * b - p for p = a * b rounded */
VFN vec v_mul_err(vec a, vec b, vec p)
{
#if GD_FUSED
	return v_fma(a, b, -p);
#else
	/* cut each factor into halves whose products are exact */
	const rbits top = ~(((rbits)1 << (R_MANT / 2 + 1)) - 1);
	vec ah = (vec)((vbits)a & top), al = a - ah;
	vec bh = (vec)((vbits)b & top), bl = b - bh;
	return ((ah * bh - p) + ah * bl + al * bh) + al * bl;
#endif
}

/* log(x) = returned + *lo, some R_MANT/5 bits better than a real; as log in
 * double, with each large term carried as a sum of two. */
VFN vec v_log_two(vec x, vec *lo)
{
	const real third2 = (real)(2.0 / 3);
	/* 2/3 less its rounded value */
	const real third2_lo = GD_REAL_BITS == 32 ? (real)-0x1.555556p-26 : (real)0x1.5555555555555p-55;
	vec e;
	vec m = v_split(x, &e);

	/* s = (m - 1) / (m + 1) */
	vec f = m - 1;
	vec d = m + 1;
	vec dl = m - (d - 1);
	vec s = f / d;
	vec p = s * d;
	vec sl = ((f - p) - v_mul_err(s, d, p) - s * dl) / d;

	/* u = s z (2/3 + z q), z = s^2 */
	vec z = s * s;
	vec zl = v_mul_err(s, s, z) + 2 * s * sl;
	vec w = z * v_atanh_q(z);
	vec r = w + third2;
	vec rl = w - (r - third2) + third2_lo;
	vec t = z * r;
	vec tl = v_mul_err(z, r, t) + (z * rl + zl * r);
	vec u = s * t;
	vec ul = v_mul_err(s, t, u) + (s * tl + sl * t);

	/* e ln2 + 2s + u, largest first */
	vec h0 = e * R_LN2_HI;
	vec h1 = h0 + 2 * s;
	vec h2 = h1 + u;
	vec l1 = 2 * s - (h1 - h0);
	vec l2 = u - (h2 - h1);
	*lo = (l1 + l2) + (2 * sl + ul + e * R_LN2_LO);
	return h2;
}

#if defined GD_ISA_avx512 && GD_REAL_BITS == 32
#include "pow512.h"
#endif

/* a^b with the special cases of C (IEEE 754 pow). */
VFN vec v_pow(vec a, vec b)
{
	const vec one = v_set1(1), zero = v_zero(), inf = v_set1(R_INF);
	vec ax = v_abs(a);

#ifdef GD_HAS_POW_CORE
	vec r = v_pow_core(ax, b);
#else
	/* |b log a| is past any limit or 0 from here on; keeps products finite */
	const vec b_max = v_set1(GD_REAL_BITS == 32 ? (real)0x1p36 : (real)0x1p66);
	const vec y_max = v_set1((real)1.5 * R_EXP_MAX), yl_max = v_set1((real)0x1p-8);
	vec bc = v_max(-b_max, v_min(b_max, b));

	/* y + yl = b log|a|; e^(y + yl) = e^y + e^y yl */
	vec ll, n, s;
	vec l = v_log_two(ax, &ll);
	vec y = bc * l;
	vec yl = v_fma(bc, ll, v_mul_err(bc, l, y));
	y = v_max(-y_max, v_min(y_max, y));
	yl = v_max(-yl_max, v_min(yl_max, yl)); /* beyond it y was, too */
	vec p = v_exp_core(y, &n, &s);
	vec r = v_ldexp(v_fma(yl, p + 1, p) + 1, n);

	/* 0 or inf to the b */
	vmask ends = m_or(v_eq(ax, zero), v_eq(ax, inf));
	vmask big = m_or(m_and(v_gt(ax, one), v_gt(b, zero)), m_and(v_lt(ax, one), v_lt(b, zero)));
	r = v_select(ends, v_select(big, inf, zero), r);
	r = v_select(m_or(v_ne(a, a), v_ne(b, b)), v_set1(R_NAN), r);
#endif
	r = v_select(m_or(v_eq(ax, one), v_eq(b, zero)), one, r);

	/* a negative base wants an integral b, whose oddness gives the sign */
	vmask minus = v_lt(v_copysign(one, a), zero); /* -0, too */
	if (m_any(minus)) {
		vmask whole = v_eq(v_round(b), b);
		vmask odd = m_and(whole, v_ne(v_round(b * (real)0.5), b * (real)0.5));
		r = v_select(m_and(m_and(v_lt(a, zero), v_lt(ax, inf)), m_not(whole)), v_set1(R_NAN), r);
		r = v_select(odd, v_copysign(r, a), r);
	}
	return r;
}
