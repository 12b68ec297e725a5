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
