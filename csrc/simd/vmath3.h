/* vmath3.h: tan, the inverse trigonometric and the hyperbolic functions over `vec`.
 * See vmath.h for how polynomials are made.
 *
 * Largest errors in ulp, as a sample of tests/csrc/vmath_check.c measures them, the worst of SSE2 and AVX2:
 *
 *            tan   arcsin arccos arctan arctan2 sinh  cosh  arcsinh arccosh arctanh
 *   float    3.29  2.58   1.98   2.00   2.02    2.16  1.37  1.63    1.69    1.91
 *   double   3.16  2.26   2.42   1.76   1.42    1.87  1.29  1.61    1.82    1.78
 */

/* sin and cos share the reduction: the quotient costs a division more */
VFN vec v_tan(vec x) { return v_div(v_sin(x), v_cos(x)); }

/* Angle of (x, y) for x, y >= 0, 0 to pi/2: t = y/x below tan(pi/8), -x/y above its reciprocal, and
 * (y - x)/(y + x) between; the angle is a multiple of pi/4 and atan t. Neither may be nan. */
VFN vec v_angle(vec y, vec x)
{
	/* (atan t - t) / t^3 in z = t^2 <= 0.1719, err 2^-25.5, 2^-59.4 */
#if GD_REAL_BITS == 32
	static const real c[] = {-0.33332947f, 0.19977607f, -0.13876419f, 0.080492504f};
	const real pio4 = 0x1.921fb6p-1f, pio4_lo = -0x1.777a5cp-26f;
#else
	static const real c[] = {
	    -0.3333333333333319, 0.1999999999995218, -0.14285714280053713, 0.11111110776278513,
	    -0.09090897550317498, 0.07692056510653636, -0.06663061770167603, 0.058475803378894714,
	    -0.05037906237304912, 0.038028865142916125, -0.017867935895801615};
	const real pio4 = 0x1.921fb54442d18p-1, pio4_lo = 0x1.1a62633145c07p-55;
#endif
	const vec zero = v_zero(), one = v_set1(1), inf = v_set1(R_INF);
	vmask both = m_and(v_eq(y, inf), v_eq(x, inf)); /* as (1, 1) */
	y = v_select(both, one, y);
	x = v_select(both, one, x);
	/* halved, their sum is finite; enlarged, neither is subnormal */
	vec larger = v_max(x, y);
	vec scale = v_select(v_gt(larger, v_set1((real)0x1p60)), v_set1((real)0.5),
	                     v_select(v_lt(larger, v_set1((real)0x1p-60)), v_set1((real)0x1p64), one));
	y = y * scale;
	x = x * scale;

	vmask steep = v_gt(y * (real)0.41421356237309503, x);
	vmask flat = v_le(y, x * (real)0.41421356237309503); /* (0, 0) too */
	vec turns = v_select(steep, v_set1(2), v_select(flat, zero, one)); /* of pi/4 */
	vec top = v_select(steep, -x, v_select(flat, y, y - x));
	vec below = v_select(steep, y, v_select(flat, x, y + x));
	vec t = top / v_select(v_eq(below, zero), one, below);
	vec z = t * t;
	vec tail = v_fma(t * z, v_horner(z, c, sizeof c / sizeof *c), turns * pio4_lo);
	return v_fma(turns, v_set1(pio4), t + tail);
}

/* atan(y / x) in the quadrant of (x, y), with the special cases of C (IEEE 754 atan2). */
VFN vec v_arctan2(vec y, vec x)
{
#if GD_REAL_BITS == 32
	const real pi = 0x1.921fb6p+1f, pi_lo = -0x1.777a5cp-24f;
#else
	const real pi = 0x1.921fb54442d18p+1, pi_lo = 0x1.1a62633145c07p-53;
#endif
	vmask nan = m_or(v_ne(x, x), v_ne(y, y));
	vec a = v_angle(v_select(nan, v_zero(), v_abs(y)), v_select(nan, v_zero(), v_abs(x)));
	vmask left = v_lt(v_copysign(v_set1(1), x), v_zero());
	a = v_select(left, v_set1(pi) - (a - pi_lo), a);
	return v_select(nan, v_set1(R_NAN), v_copysign(a, y));
}

VFN vec v_arctan(vec x) { return v_arctan2(x, v_set1(1)); }

/* The other side of a triangle whose longest is 1; nan where there is none. */
VFN vec v_other_side(vec x) { return v_sqrt((1 - x) * (1 + x)); }
VFN vec v_arcsin(vec x) { return v_arctan2(x, v_other_side(x)); }
VFN vec v_arccos(vec x) { return v_arctan2(v_other_side(x), x); }

/* A quarter of e^|x|, less 1/4 for sinh: e^|x| overflows before they do. */
#if GD_REAL_BITS == 32
#define R_SINH_MAX 89.7f /* sinh and cosh: inf from here on */
#else
#define R_SINH_MAX 710.6
#endif

/* sinh|x| = (u + u / (u + 1)) / 2, u = e^|x| - 1 */
VFN vec v_sinh(vec x)
{
	vec n, s;
	vec y = v_min(v_set1(R_SINH_MAX), v_abs(x));
	vec p = v_exp_core(y, &n, &s);
	s = v_pow2(n - 2);
	vec quarter = v_fma(s, p, s - (real)0.25);
	vec half = quarter + quarter / (4 * quarter + 1);
	vec tiny = v_set1(GD_REAL_BITS == 32 ? (real)0x1p-13 : (real)0x1p-27);
	return v_copysign(v_select(v_lt(y, tiny), v_abs(x), half + half), x);
}

/* cosh x = (w + 1 / w) / 2, w = e^|x| */
VFN vec v_cosh(vec x)
{
	vec n, s;
	vec y = v_min(v_set1(R_SINH_MAX), v_abs(x));
	vec p = v_exp_core(y, &n, &s);
	s = v_pow2(n - 2);
	vec quarter = v_fma(s, p, s);
	vec half = quarter + (real)0.0625 / quarter;
	return half + half;
}

/* log(1 + u) + n ln2 */
VFN vec v_log1p_plus(vec u, vec n)
{
	vec e;
	vec f = v_log1p_split(u, &e);
	return v_log_core(f, e + n);
}

/* beyond it x^2 + 1 = x^2, and 1 + 2 x = 2 x: log(2 x) is log1p(x) + ln2 */
#define R_SQUARE_MAX (GD_REAL_BITS == 32 ? (real)0x1p30 : (real)0x1p60)

/* asinh|x| = log1p(|x| + x^2 / (1 + sqrt(1 + x^2))) */
VFN vec v_arcsinh(vec x)
{
	vec a = v_abs(x);
	vmask far = v_gt(a, v_set1(R_SQUARE_MAX));
	vec b = v_min(v_set1(R_SQUARE_MAX), a);
	vec u = b + b * b / (v_sqrt(v_fma(b, b, v_set1(1))) + 1);
	u = v_select(far, a, u);
	vec n = v_select(far, v_set1(1), v_zero());
	return v_copysign(v_log1p_plus(u, n), x);
}

/* acosh x = log1p(t + sqrt(t (t + 2))), t = x - 1 */
VFN vec v_arccosh(vec x)
{
	vmask far = v_gt(x, v_set1(R_SQUARE_MAX));
	vec t = v_min(v_set1(R_SQUARE_MAX), x) - 1;
	vec u = v_select(far, x, t + v_sqrt(t * (t + 2)));
	vec n = v_select(far, v_set1(1), v_zero());
	vec y = v_log1p_plus(u, n);
	return v_select(v_lt(x, v_set1(1)), v_set1(R_NAN), y);
}

/* atanh|x| = log1p(2|x| / (1 - |x|)) / 2 */
VFN vec v_arctanh(vec x)
{
	vec a = v_abs(x);
	vec y = v_log1p_plus(2 * a / (1 - a), v_zero()) * (real)0.5;
	return v_copysign(v_select(v_gt(a, v_set1(1)), v_set1(R_NAN), y), x);
}
