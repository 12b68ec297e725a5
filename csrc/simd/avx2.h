/* avx2.h: the primitives on 256-bit registers (AVX2 and FMA).
 * Included by vec.h, which says what each one means. */
#include <immintrin.h>

#define GD_FUSED 1

#if GD_REAL_BITS == 32
#define VL 8
typedef __m256 vec;
typedef int32_t vmask __attribute__((vector_size(32)));
#define I_(op) _mm256_##op##_ps
#else
#define VL 4
typedef __m256d vec;
typedef int64_t vmask __attribute__((vector_size(32)));
#define I_(op) _mm256_##op##_pd
#endif
typedef uint64_t vwide __attribute__((vector_size(sizeof(vec))));

/* lanes below n all ones */
VFN __m256i m_first(int64_t n)
{
#if GD_REAL_BITS == 32
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
#else
	return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
#endif
}

VFN vwide w_mul32(vwide a, vwide b) { return (vwide)_mm256_mul_epu32((__m256i)a, (__m256i)b); }

VFN vec v_set1(real a) { return I_(set1)(a); }

VFN vec v_load(const real *p) { return I_(loadu)(p); }
VFN void v_store(real *p, vec a) { I_(storeu)(p, a); }
VFN vec v_load_n(const real *p, int64_t n) { return I_(maskload)(p, m_first(n)); }
VFN void v_store_n(real *p, vec a, int64_t n) { I_(maskstore)(p, m_first(n), a); }

#if GD_REAL_BITS == 32
VFN vec v_load_i32(const int32_t *p)
{
	return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)p));
}
VFN vec v_load_i32_n(const int32_t *p, int64_t n)
{
	return _mm256_cvtepi32_ps(_mm256_maskload_epi32(p, m_first(n)));
}
#else
VFN vec v_load_i32(const int32_t *p)
{
	return _mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)p));
}
VFN vec v_load_i32_n(const int32_t *p, int64_t n)
{
	__m128i m = _mm_cmpgt_epi32(_mm_set1_epi32((int)n), _mm_setr_epi32(0, 1, 2, 3));
	return _mm256_cvtepi32_pd(_mm_maskload_epi32(p, m));
}
#endif

VFN vec v_fma(vec a, vec b, vec c) { return I_(fmadd)(a, b, c); }
VFN vec v_fnma(vec a, vec b, vec c) { return I_(fnmadd)(a, b, c); }
VFN vec v_sqrt(vec a) { return I_(sqrt)(a); }
VFN vec v_floor(vec a) { return I_(round)(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
VFN vec v_round(vec a) { return I_(round)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

/* a < b ? a : b, so b if either is nan */
VFN vec v_min(vec a, vec b) { return I_(min)(a, b); }
VFN vec v_max(vec a, vec b) { return I_(max)(a, b); }

VFN vmask v_lt(vec a, vec b) { return (vmask)I_(cmp)(a, b, _CMP_LT_OQ); }
VFN vmask v_le(vec a, vec b) { return (vmask)I_(cmp)(a, b, _CMP_LE_OQ); }
VFN vmask v_gt(vec a, vec b) { return (vmask)I_(cmp)(a, b, _CMP_GT_OQ); }
VFN vmask v_ge(vec a, vec b) { return (vmask)I_(cmp)(a, b, _CMP_GE_OQ); }
VFN vmask v_eq(vec a, vec b) { return (vmask)I_(cmp)(a, b, _CMP_EQ_OQ); }
VFN vmask v_ne(vec a, vec b) { return (vmask)I_(cmp)(a, b, _CMP_NEQ_UQ); }
VFN vec v_select(vmask m, vec a, vec b) { return I_(blendv)(b, a, (vec)m); }
VFN int m_any(vmask m) { return I_(movemask)((vec)m) != 0; }

#if GD_REAL_BITS == 32
#define GD_FOLD(name, op)                                                       \
	VFN real name(vec a)                                                        \
	{                                                                           \
		__m128 q = _mm_##op##_ps(_mm256_castps256_ps128(a),                     \
		                         _mm256_extractf128_ps(a, 1));                  \
		return GD_FOLD4(r_##op, q);                                             \
	}
#else
#define GD_FOLD(name, op)                                                       \
	VFN real name(vec a)                                                        \
	{                                                                           \
		__m128d q = _mm_##op##_pd(_mm256_castpd256_pd128(a),                    \
		                          _mm256_extractf128_pd(a, 1));                 \
		return GD_FOLD2(r_##op, q);                                             \
	}
#endif
GD_FOLD(v_hsum, add)
GD_FOLD(v_hmax, max)
GD_FOLD(v_hmin, min)

#if GD_REAL_BITS == 32
/* Halves of rows r and r + 4 are loaded into one register, so that no lane crosses its half afterwards. */
#define GD_HAS_LOAD_TURNED
VFN void v_load_turned(vec to[VL], const real *x, int64_t row)
{
#pragma GCC unroll 2
	for (int h = 0; h < VL; h += VL / 2) {
		vec a[VL / 2];
#pragma GCC unroll 4
		for (int r = 0; r < VL / 2; ++r)
			a[r] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x + r * row + h)),
			                            _mm_loadu_ps(x + (r + VL / 2) * row + h), 1);
		const vec low0 = _mm256_unpacklo_ps(a[0], a[1]), high0 = _mm256_unpackhi_ps(a[0], a[1]);
		const vec low1 = _mm256_unpacklo_ps(a[2], a[3]), high1 = _mm256_unpackhi_ps(a[2], a[3]);
		to[h] = _mm256_shuffle_ps(low0, low1, 0x44), to[h + 1] = _mm256_shuffle_ps(low0, low1, 0xee);
		to[h + 2] = _mm256_shuffle_ps(high0, high1, 0x44), to[h + 3] = _mm256_shuffle_ps(high0, high1, 0xee);
	}
}
#endif
