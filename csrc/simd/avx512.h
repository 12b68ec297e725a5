/* avx512.h: the primitives on 512-bit registers (F, DQ, BW, VL).
 * Included by vec.h, which says what each one means. */
#include <immintrin.h>

#define GD_FUSED 1
#define GD_HAS_LDEXP_SPLIT 1

#if GD_REAL_BITS == 32
#define VL 16
typedef __m512 vec;
typedef __mmask16 vmask;
#define I_(op) _mm512_##op##_ps
#define I_CMP _mm512_cmp_ps_mask
#else
#define VL 8
typedef __m512d vec;
typedef __mmask8 vmask;
#define I_(op) _mm512_##op##_pd
#define I_CMP _mm512_cmp_pd_mask
#endif
typedef uint64_t vwide __attribute__((vector_size(sizeof(vec))));

/* n lanes on, 0 <= n <= VL */
VFN vmask m_first(int64_t n) { return (vmask)((1u << n) - 1); }

VFN vwide w_mul32(vwide a, vwide b) { return (vwide)_mm512_mul_epu32((__m512i)a, (__m512i)b); }

VFN vec v_set1(real a) { return I_(set1)(a); }

VFN vec v_load(const real *p) { return I_(loadu)(p); }
VFN void v_store(real *p, vec a) { I_(storeu)(p, a); }
VFN vec v_load_n(const real *p, int64_t n) { return I_(maskz_loadu)(m_first(n), p); }
VFN void v_store_n(real *p, vec a, int64_t n) { I_(mask_storeu)(p, m_first(n), a); }

#if GD_REAL_BITS == 32
VFN vec v_load_i32(const int32_t *p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }
VFN vec v_load_i32_n(const int32_t *p, int64_t n)
{
	return _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(m_first(n), p));
}
#else
VFN vec v_load_i32(const int32_t *p)
{
	return _mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)p));
}
VFN vec v_load_i32_n(const int32_t *p, int64_t n)
{
	return _mm512_cvtepi32_pd(_mm256_maskz_loadu_epi32(m_first(n), p));
}
#endif

VFN vec v_fma(vec a, vec b, vec c) { return I_(fmadd)(a, b, c); }
VFN vec v_fnma(vec a, vec b, vec c) { return I_(fnmadd)(a, b, c); }
VFN vec v_sqrt(vec a) { return I_(sqrt)(a); }
VFN vec v_floor(vec a) { return I_(roundscale)(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
VFN vec v_round(vec a) { return I_(roundscale)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

/* a < b ? a : b, so b if either is nan */
VFN vec v_min(vec a, vec b) { return I_(min)(a, b); }
VFN vec v_max(vec a, vec b) { return I_(max)(a, b); }

VFN vmask v_lt(vec a, vec b) { return I_CMP(a, b, _CMP_LT_OQ); }
VFN vmask v_le(vec a, vec b) { return I_CMP(a, b, _CMP_LE_OQ); }
VFN vmask v_gt(vec a, vec b) { return I_CMP(a, b, _CMP_GT_OQ); }
VFN vmask v_ge(vec a, vec b) { return I_CMP(a, b, _CMP_GE_OQ); }
VFN vmask v_eq(vec a, vec b) { return I_CMP(a, b, _CMP_EQ_OQ); }
VFN vmask v_ne(vec a, vec b) { return I_CMP(a, b, _CMP_NEQ_UQ); }
VFN vec v_select(vmask m, vec a, vec b) { return I_(mask_blend)(m, b, a); }
VFN int m_any(vmask m) { return m != 0; }

#if GD_REAL_BITS == 32
#define GD_FOLD(name, op)                                                       \
	VFN real name(vec a)                                                        \
	{                                                                           \
		__m256 h = _mm256_##op##_ps(_mm512_castps512_ps256(a),                  \
		                            _mm512_extractf32x8_ps(a, 1));              \
		__m128 q = _mm_##op##_ps(_mm256_castps256_ps128(h),                     \
		                         _mm256_extractf128_ps(h, 1));                  \
		return GD_FOLD4(r_##op, q);                                             \
	}
#else
#define GD_FOLD(name, op)                                                       \
	VFN real name(vec a)                                                        \
	{                                                                           \
		__m256d h = _mm256_##op##_pd(_mm512_castpd512_pd256(a),                 \
		                             _mm512_extractf64x4_pd(a, 1));             \
		__m128d q = _mm_##op##_pd(_mm256_castpd256_pd128(h),                    \
		                          _mm256_extractf128_pd(h, 1));                 \
		return GD_FOLD2(r_##op, q);                                             \
	}
#endif
GD_FOLD(v_hsum, add)
GD_FOLD(v_hmax, max)
GD_FOLD(v_hmin, min)

/* Scaling and splitting are single instructions here, special values and all. */
VFN vec v_ldexp(vec v, vec n) { return I_(scalef)(v, n); }
VFN vec v_split(vec x, vec *e)
{
	vec m = I_(getmant)(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
	*e = I_(getexp)(x) - I_(getexp)(m); /* the latter is -1 for m < 1, else 0 */
	return m;
}

#if GD_REAL_BITS == 32
/* Halves of rows r and r + 4 are loaded into one register: three quarters of the shuffles of v_transpose, of which a cycle
 * does one; and a line of a row is read in one go, as rows may fall into the same set of L1. */
#define GD_HAS_LOAD_TURNED
VFN vec v_load_halves(const real *low, const real *high)
{
	return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(low)), _mm256_loadu_ps(high), 1);
}
VFN void v_load_turned(vec to[VL], const real *x, int64_t row)
{
	vec a[4][4];
	GD_ANEW(row); /* 16 addresses kept through a loop would be spilled */
#pragma GCC unroll 4
	for (int r = 0; r < 4; ++r)
#pragma GCC unroll 2
		for (int h = 0; h < 2; ++h) {
			const real *at = x + r * row + 8 * h;
			const vec low = v_load_halves(at, at + 4 * row), high = v_load_halves(at + 8 * row, at + 12 * row);
			a[2 * h][r] = _mm512_shuffle_f32x4(low, high, 0x88);
			a[2 * h + 1][r] = _mm512_shuffle_f32x4(low, high, 0xdd);
		}
#pragma GCC unroll 4
	for (int h = 0; h < 4; ++h) {
		const vec low0 = _mm512_unpacklo_ps(a[h][0], a[h][1]), high0 = _mm512_unpackhi_ps(a[h][0], a[h][1]);
		const vec low1 = _mm512_unpacklo_ps(a[h][2], a[h][3]), high1 = _mm512_unpackhi_ps(a[h][2], a[h][3]);
		to[4 * h] = _mm512_shuffle_ps(low0, low1, 0x44), to[4 * h + 1] = _mm512_shuffle_ps(low0, low1, 0xee);
		to[4 * h + 2] = _mm512_shuffle_ps(high0, high1, 0x44), to[4 * h + 3] = _mm512_shuffle_ps(high0, high1, 0xee);
	}
}

/* Fours of columns are turned over within quarters, each of which is stored by itself. */
#define GD_HAS_STORE_TURNED
VFN void v_store_turned(real *to, int64_t row, const vec *a, const int n, int64_t over)
{
	(void)over;
	enum { MOST = 4 };
	vec q[MOST][4];
#pragma GCC unroll 4
	for (int g = 0; g < (n + 3) / 4; ++g) {
		vec x[4];
#pragma GCC unroll 4
		for (int j = 0; j < 4; ++j) x[j] = 4 * g + j < n ? a[4 * g + j] : _mm512_setzero_ps();
		const vec low0 = _mm512_unpacklo_ps(x[0], x[1]), high0 = _mm512_unpackhi_ps(x[0], x[1]);
		const vec low1 = _mm512_unpacklo_ps(x[2], x[3]), high1 = _mm512_unpackhi_ps(x[2], x[3]);
		q[g][0] = _mm512_shuffle_ps(low0, low1, 0x44), q[g][1] = _mm512_shuffle_ps(low0, low1, 0xee);
		q[g][2] = _mm512_shuffle_ps(high0, high1, 0x44), q[g][3] = _mm512_shuffle_ps(high0, high1, 0xee);
	}
#define QUARTER_(l)                                                                                               \
	_Pragma("GCC unroll 4") for (int r = 0; r < 4; ++r)                                                           \
		_Pragma("GCC unroll 4") for (int g = 0; g < (n + 3) / 4; ++g) {                                           \
			real *at = to + (4 * (l) + r) * row + 4 * g;                                                          \
			if (4 * g + 4 <= n) _mm_storeu_ps(at, _mm512_extractf32x4_ps(q[g][r], l));                            \
			else _mm_mask_storeu_ps(at, (__mmask8)((1 << n % 4) - 1), _mm512_extractf32x4_ps(q[g][r], l));        \
		}
	QUARTER_(0) QUARTER_(1) QUARTER_(2) QUARTER_(3)
#undef QUARTER_
}
#endif
