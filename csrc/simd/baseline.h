/* baseline.h: the primitives on SSE2, which every x86-64 has: no fma, no
 * rounding instruction, no blend, no masked load.
 * Included by vec.h, which says what each one means. */
#include <emmintrin.h>

#define GD_FUSED 0

#if GD_REAL_BITS == 32
#define VL 4
typedef __m128 vec;
typedef int32_t vmask __attribute__((vector_size(16)));
#define I_(op) _mm_##op##_ps
#else
#define VL 2
typedef __m128d vec;
typedef int64_t vmask __attribute__((vector_size(16)));
#define I_(op) _mm_##op##_pd
#endif
typedef uint64_t vwide __attribute__((vector_size(sizeof(vec))));

VFN vwide w_mul32(vwide a, vwide b) { return (vwide)_mm_mul_epu32((__m128i)a, (__m128i)b); }

VFN vec v_set1(real a) { return I_(set1)(a); }

VFN vec v_load(const real *p) { return I_(loadu)(p); }
VFN void v_store(real *p, vec a) { I_(storeu)(p, a); }

#if GD_REAL_BITS == 32
VFN vec v_load_n(const real *p, int64_t n)
{
	if (n >= 4) return v_load(p);
	return (vec){n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, 0};
}
VFN void v_store_n(real *p, vec a, int64_t n)
{
	if (n >= 4) { v_store(p, a); return; }
	if (n > 0) p[0] = a[0];
	if (n > 1) p[1] = a[1];
	if (n > 2) p[2] = a[2];
}
VFN vec v_load_i32(const int32_t *p) { return _mm_cvtepi32_ps(_mm_loadu_si128((const __m128i *)p)); }
VFN vec v_load_i32_n(const int32_t *p, int64_t n)
{
	if (n >= 4) return v_load_i32(p);
	return (vec){n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, 0};
}
#else
VFN vec v_load_n(const real *p, int64_t n)
{
	if (n >= 2) return v_load(p);
	return (vec){n > 0 ? p[0] : 0, 0};
}
VFN void v_store_n(real *p, vec a, int64_t n)
{
	if (n > 0) p[0] = a[0];
	if (n > 1) p[1] = a[1];
}
VFN vec v_load_i32(const int32_t *p) { return _mm_cvtepi32_pd(_mm_loadl_epi64((const __m128i *)p)); }
VFN vec v_load_i32_n(const int32_t *p, int64_t n)
{
	if (n >= 2) return v_load_i32(p);
	return (vec){n > 0 ? p[0] : 0, 0};
}
#endif

VFN vec v_fma(vec a, vec b, vec c) { return a * b + c; }
VFN vec v_fnma(vec a, vec b, vec c) { return c - a * b; }
VFN vec v_sqrt(vec a) { return I_(sqrt)(a); }

/* a < b ? a : b, so b if either is nan */
VFN vec v_min(vec a, vec b) { return I_(min)(a, b); }
VFN vec v_max(vec a, vec b) { return I_(max)(a, b); }

VFN vmask v_lt(vec a, vec b) { return (vmask)I_(cmplt)(a, b); }
VFN vmask v_le(vec a, vec b) { return (vmask)I_(cmple)(a, b); }
VFN vmask v_gt(vec a, vec b) { return (vmask)I_(cmpgt)(a, b); }
VFN vmask v_ge(vec a, vec b) { return (vmask)I_(cmpge)(a, b); }
VFN vmask v_eq(vec a, vec b) { return (vmask)I_(cmpeq)(a, b); }
VFN vmask v_ne(vec a, vec b) { return (vmask)I_(cmpneq)(a, b); }
VFN vec v_select(vmask m, vec a, vec b) { return (vec)((m & (vmask)a) | (~m & (vmask)b)); }
VFN int m_any(vmask m) { return I_(movemask)((vec)m) != 0; }

/* Below 2^R_MANT adding and taking away 2^R_MANT drops the fraction; from there
 * on (and for nan) there is none to drop.  The sign is put back for -0. */
VFN vec v_round(vec a)
{
	const real big = (real)((rbits)1 << R_MANT);
	const vmask sign = (vmask)-(vec){0};
	vec m = (vec)(~sign & (vmask)a);
	vec r = (vec)((vmask)((m + big) - big) | (sign & (vmask)a));
	return v_select(v_lt(m, v_set1(big)), r, a);
}

VFN vec v_floor(vec a)
{
	vec r = v_round(a);
	return r - v_select(v_gt(r, a), v_set1(1), v_set1(0));
}

#if GD_REAL_BITS == 32
#define GD_FOLDN GD_FOLD4
#else
#define GD_FOLDN GD_FOLD2
#endif
VFN real v_hsum(vec a) { return GD_FOLDN(r_add, a); }
VFN real v_hmax(vec a) { return GD_FOLDN(r_max, a); }
VFN real v_hmin(vec a) { return GD_FOLDN(r_min, a); }
