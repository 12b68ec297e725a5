/* pow512.h: |a|^b of 16 floats on AVX-512, for v_pow: the logarithm in double, where two registers take fewer operations
 * than one in pairs of floats. Included by vmath2.h. */
#ifndef GD_POW512_H
#define GD_POW512_H

#define GD_HAS_POW_CORE

/* b log2 a, whole part and the rest, |rest| <= 1/2, of the 8 floats of a half; within +-200, where a^b is 0 or inf.
 *
 * a = m 2^e, 1 <= m < 2. A sixteenth of m's range has a factor c near 1 / m, and log2 a = e - log2 c + log2(1 + r) for
 * r = c m - 1. The first c is 1 and the last one 1/2, so that near a = 1 nothing cancels. */
VFN __m256 v_pow_log2(__m256 a, __m256 b, __m256 *whole)
{
	/* log2(1 + r) / r on -1/32 <= r <= 1/16, err 2^-34.4 */
	static const double p[] = {1.442695040861541,    -0.721347512752355, 0.48089856534160846,
	                           -0.36069863874631436, 0.288497010375085,  -0.22262820772858607};
	static const double c[16] = {
	    1.0, 0.9142857193946838, 0.8648648858070374, 0.8205128312110901,
	    0.7804877758026123, 0.7441860437393188, 0.7111111283302307, 0.6808510422706604,
	    0.6530612111091614, 0.6274510025978088, 0.6037735939025879, 0.581818163394928,
	    0.5614035129547119, 0.5423728823661804, 0.5245901346206665, 0.5};
	static const double less_log2_c[16] = {
	    0.0, 0.12928300888327973, 0.20945333069497424, 0.285402200051646,
	    0.35755205836266307, 0.4262647600765558, 0.4918530613956992, 0.5545888973605297,
	    0.6147098736747266, 0.672425290914147, 0.727920433065368, 0.781359759207552,
	    0.8328900034158261, 0.8826430466746124, 0.9307374181797561, 1.0};
	const __m512d x = _mm512_cvtps_pd(a);
	const __m512d m = _mm512_getmant_pd(x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
	const __m512i at = _mm512_srli_epi64(_mm512_castpd_si512(m), 48); /* whose last four bits are used */
	const __m512d factor = _mm512_permutex2var_pd(_mm512_loadu_pd(c), at, _mm512_loadu_pd(c + 8));
	const __m512d known = _mm512_permutex2var_pd(_mm512_loadu_pd(less_log2_c), at, _mm512_loadu_pd(less_log2_c + 8));
	const __m512d r = _mm512_fmsub_pd(m, factor, _mm512_set1_pd(1));
	__m512d q = _mm512_set1_pd(p[5]);
#pragma GCC unroll 8
	for (int i = 4; i >= 0; --i) q = _mm512_fmadd_pd(q, r, _mm512_set1_pd(p[i]));
	__m512d y = _mm512_fmadd_pd(q, r, _mm512_add_pd(_mm512_getexp_pd(x), known)); /* of 0 and inf the exponent is -inf and inf */
	y = _mm512_mul_pd(y, _mm512_cvtps_pd(b));
	y = _mm512_max_pd(_mm512_set1_pd(-200), _mm512_min_pd(_mm512_set1_pd(200), y));
	const __m512d n = _mm512_roundscale_pd(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
	*whole = _mm512_cvtpd_ps(n);
	return _mm512_cvtpd_ps(_mm512_sub_pd(y, n));
}

/* a^b for a >= 0, special values included but where b is 0 or either is nan. */
VFN vec v_pow_core(vec a, vec b)
{
	__m256 n0, n1;
	const __m256 r0 = v_pow_log2(_mm512_castps512_ps256(a), _mm512_castps512_ps256(b), &n0);
	const __m256 r1 = v_pow_log2(_mm512_extractf32x8_ps(a, 1), _mm512_extractf32x8_ps(b, 1), &n1);
	const vec r = _mm512_insertf32x8(_mm512_castps256_ps512(r0), r1, 1) * (real)0.69314718055994530942;
	return v_ldexp(v_expm1_rest(r) + 1, _mm512_insertf32x8(_mm512_castps256_ps512(n0), n1, 1));
}

#endif
