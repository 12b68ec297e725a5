/* vmath.h: exp, expm1, tanh, sigmoid, erf, log, log1p over `vec`.
 *
 * One formula per function; only coefficients (and log's last step) depend on
 * the width.  No branches and no tables, but in pow.  Polynomials are minimax fits made for
 * this file by Remez exchange on the stated interval, leading coefficients
 * rounded first and the rest fitted again; "err" is the largest relative error
 * they cause in the named function.
 *
 * Largest errors in ulp, as tests/csrc/vmath_check.c measures them, over all
 * floats / 10 million doubles; the worst of the instruction sets:
 *
 *            exp   expm1  log   log1p  tanh  sigmoid  erf   sin   cos   pow
 *   float    1.04  1.55   1.22  1.22   1.91  1.86     1.99  1.58  1.57  2.00
 *   double   1.05  2.22   0.91  0.87   2.26  1.83     1.93  1.59  1.56  1.38
 */

/* c[0] + c[1] x + ... + c[n-1] x^(n-1).  Horner's rule is one long chain of
 * dependent fma; from 9 terms on it pays to run even and odd powers apart. */
VFN vec v_horner(vec x, const real *c, int n)
{
	vec p = v_set1(c[n - 1]);
	if (n < 9) {
#pragma GCC unroll 32
		for (int i = n - 2; i >= 0; i--)
			p = v_fma(p, x, v_set1(c[i]));
		return p;
	}
	vec y = x * x;
	vec q = v_set1(c[n - 2]);
#pragma GCC unroll 32
	for (int i = n - 3; i >= 0; i -= 2)
		p = v_fma(p, y, v_set1(c[i]));
#pragma GCC unroll 32
	for (int i = n - 4; i >= 0; i -= 2)
		q = v_fma(q, y, v_set1(c[i]));
	return n % 2 ? v_fma(q, x, p) : v_fma(p, x, q);
}

#define R_LOG2E ((real)1.4426950408889634)
#if GD_REAL_BITS == 32
#define R_LN2_HI 0x1.62e4p-1f      /* 15 bits: n * HI is exact */
#define R_LN2_LO 0x1.7f7d1cp-20f   /* ln 2 - HI */
#define R_EXP_MAX 89.0f            /* exp: inf from here on */
#define R_EXP_MIN -104.0f          /* exp: 0 from here down */
#define R_TANH_MAX 10.0f           /* tanh: 1 from here on */
#define R_ERF_MAX 4.0f             /* erf: 1 from here on */
#define R_TINY 0x1p-26f            /* |x| below: f(x) = x for expm1 */
#else
#define R_LN2_HI 0x1.62e42fefa3p-1 /* 41 bits; LO > 0 for log(0) and log(inf) */
#define R_LN2_LO 0x1.3de6af278ece6p-42
#define R_EXP_MAX 710.0
#define R_EXP_MIN -746.0
#define R_TANH_MAX 20.0
#define R_ERF_MAX 6.0
#define R_TINY 0x1p-55
#endif

/* e^r - 1 for |r| <= ln2/2 */
VFN vec v_expm1_rest(vec r)
{
	/* (e^r - 1 - r) / r^2 on |r| <= 0.3469, err in e^r - 1: 2^-26, 2^-55 */
#if GD_REAL_BITS == 32 && GD_FUSED
	static const real c[] = {0.49999997f, 0.16666548f, 0.0416673534f,
	                         0.0083661573f, 0.00138776936f};
#elif GD_REAL_BITS == 32 /* more roundings leave less room: a term more, err 2^-30.9 */
	static const real c[] = {0.5f, 0.166666657f, 0.0416664965f,
	                         0.00833353121f, 0.00139321049f, 0.000197740752f};
#else
	static const real c[] = {
	    0.50000000000000056, 0.16666666666666674, 0.041666666666580664,
	    0.0083333333333705639, 0.0013888888929999841, 0.00019841269717434096,
	    2.4801506987357354e-05, 2.7557430915597294e-06, 2.7625454935963466e-07,
	    2.5042299648963848e-08};
#endif
	return v_fma(r * r, v_horner(r, c, sizeof c / sizeof *c), r);
}

/* x = n ln2 + r, |r| <= ln2/2.  Returns e^r - 1, so that
 *   e^x = 2^n (1 + p),   e^x - 1 = 2^n p + (2^n - 1);
 * *s = 2^n where that is a normal number. */
VFN vec v_exp_core(vec x, vec *n, vec *s)
{
	vec t = v_fma(x, v_set1(R_LOG2E), v_set1(R_MAGIC));
	*n = t - R_MAGIC;
	*s = v_pow2_bits(t);
	vec r = v_fnma(*n, v_set1(R_LN2_HI), x);
	return v_expm1_rest(v_fnma(*n, v_set1(R_LN2_LO), r));
}

/* v_max and v_min return their second argument on nan: x stays nan. */
VFN vec v_exp(vec x)
{
	vec n, s;
	x = v_max(v_set1(R_EXP_MIN), v_min(v_set1(R_EXP_MAX), x));
	vec p = v_exp_core(x, &n, &s);
	return v_ldexp(p + 1, n);
}

VFN vec v_expm1(vec x)
{
	vec n, s;
	/* -1 long before -(R_MANT + 3) */
	vec y = v_max(v_set1(-(real)(R_MANT + 3)), v_min(v_set1(R_EXP_MAX), x));
	vec p = v_exp_core(y, &n, &s);
	/* With half of s, as 2^n overflows before e^x does.  Halving costs a
	 * subnormal its last bit, and +0 has eaten -0: the select mends both. */
	s = v_pow2(n - 1);
	vec half = v_fma(s, p, s - (real)0.5);
	return v_select(v_lt(v_abs(x), v_set1(R_TINY)), x, half + half);
}

/* tanh|x| = u / (1 + e), e = e^(-2|x|), u = 1 - e.  Rounding 1 + e may cost an
 * ulp by itself, so one Newton step follows, by a rough 1 / (1 + e) = (1 + u)/2. */
VFN vec v_tanh(vec x)
{
	vec n, s;
	vec y = v_min(v_set1(R_TANH_MAX), v_abs(x));
	vec p = v_exp_core(y * -2, &n, &s);
	vec e = v_fma(s, p, s);
	vec u = v_fnma(s, p, 1 - s);
	vec t = u / (e + 1);
	vec left = v_fnma(e, t, u - t);
	vec half = v_set1((real)0.5);
	return v_copysign(v_fma(left, v_fma(u, half, half), t), x);
}

/* z = e^-|x|; f = 1 / (1 + z) on the right and z / (1 + z) on the left, where z
 * may be subnormal.  f = 1 - z f and f = z - z f mend the rounding of 1 + z. */
VFN vec v_sigmoid(vec x)
{
	vec n, s;
	vec one = v_set1(1);
	vec y = v_max(v_set1(R_EXP_MIN), -v_abs(x));
	vec p = v_exp_core(y, &n, &s);
	vec z = v_ldexp(p + 1, n);
	vec top = v_select(v_lt(x, v_zero()), z, one);
	return v_fnma(z, top / (z + 1), top);
}

/* erf|x| = 1 - e^-g, g(x) = -log(erfc(x)) = x + x q(x): smooth, and no
 * cancellation near 0 since e^-g - 1 is what v_exp_core gives. */
VFN vec v_erf(vec x)
{
	/* g(x)/x - 1 on [0, R_ERF_MAX], err 2^-27.8, 2^-55.6 */
#if GD_REAL_BITS == 32
	static const real c[] = {0.128379166f, 0.636619568f, 0.102776296f,
	                         -0.0191477668f, -0.000169657418f, 0.00167587295f,
	                         -0.000637490943f, 0.000118901531f, -9.39281563e-06f};
#else
	static const real c[] = {
	    0.12837916709551259, 0.63661977236757594, 0.10277260330232689,
	    -0.019128447019966032, -0.00020919447771696332, 0.0016962044559552987,
	    -0.00059011412921357537, 2.5830850731325774e-05, 6.463874304750387e-05,
	    -3.006660814983264e-05, 4.0267973241906402e-06, 1.9514388687820008e-06,
	    -7.3459065494590129e-07, -5.8890911955916618e-07, 8.273367166865706e-07,
	    -5.6133282134002007e-07, 2.7397666899156139e-07, -1.0527791105600316e-07,
	    3.2751112883904856e-08, -8.2863108374762104e-09, 1.6923385365267711e-09,
	    -2.7453157459757851e-10, 3.4490148511647401e-11, -3.228866711035992e-12,
	    2.116007641365587e-13, -8.645726286043013e-15, 1.6550362773866034e-16};
#endif
	vec n, s;
	vec y = v_min(v_set1(R_ERF_MAX), v_abs(x));
	vec g = v_fma(y, v_horner(y, c, sizeof c / sizeof *c), y);
	vec p = v_exp_core(-g, &n, &s);
	return v_copysign(v_fma(s, p, s - 1), x);
}

/* (2 atanh(s)/s - 2 - 2z/3) / z^2 for z = s^2 <= 0.0401; err in atanh: 2^-34.5,
 * 2^-68.  Log in double and pow in both widths use it. */
VFN vec v_atanh_q(vec z)
{
#if GD_REAL_BITS == 32
	static const real c[] = {0.40000391f, 0.285256147f, 0.238730729f};
#else
	static const real c[] = {
	    0.39999999999999719, 0.28571428571579982, 0.22222222190766194,
	    0.18181821570038956, 0.15384404412494904, 0.13341208629247259,
	    0.11591388195205365, 0.12577447577798015};
#endif
	return v_horner(z, c, sizeof c / sizeof *c);
}

/* log(1 + f) + e ln2, -0.25 <= f <= 0.5; e may be +-inf or nan and then wins */
VFN vec v_log_core(vec f, vec e)
{
#if GD_REAL_BITS == 32
	/* log(1+f) = f + f^2 P(f), err 2^-27.4 */
	static const real c[] = {-0.5f, 0.333334506f, -0.250001103f,
	                         0.199908659f, -0.166469723f, 0.144775629f,
	                         -0.131624594f, 0.104690835f, -0.0451270938f};
	vec p = v_horner(f, c, sizeof c / sizeof *c);
	vec r = v_fma(f * f, p, e * R_LN2_LO) + f;
	return v_fma(e, v_set1(R_LN2_HI), r);
#else
	/* A polynomial would need 20 terms; s = f / (2 + f) makes the function
	 * odd: log(1+f) = 2s + s^3 R = f - f^2/2 + s (f^2/2 + z R), z = s^2. */
	vec s = f / (f + 2);
	vec z = s * s;
	vec h = f * f * (real)0.5;
	vec zr = z * v_fma(z, v_atanh_q(z), v_set1((real)(2.0 / 3)));
	vec lo = v_fma(s, h + zr, e * R_LN2_LO);
	return v_fma(e, v_set1(R_LN2_HI), f - (h - lo));
#endif
}

VFN vec v_log(vec x)
{
	vec e;
	vec m = v_split(x, &e);
	return v_log_core(m - 1, e);
}

/* As log of u = 1 + x = m 2^e, but with m - 1 = x 2^-e + (2^-e - 1) straight
 * from x: u's rounding error never enters.  For e = 0 this is x itself. */
VFN vec v_log1p_split(vec x, vec *e)
{
	vec m = v_split(x + 1, e);
	vec s = v_pow2(-*e);
	vec f = v_fma(x, s, s - 1);
	/* 2^-e leaves the normal range (or e is not finite): 1 no longer matters */
	return v_select(v_lt(v_abs(*e), v_set1(R_BIAS - 3)), f, m - 1);
}

VFN vec v_log1p(vec x)
{
	vec e;
	vec f = v_log1p_split(x, &e);
	return v_copysign(v_log_core(f, e), x); /* has x's sign; +0 has eaten -0 */
}
