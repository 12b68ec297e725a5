/* neon.h: the primitives on AArch64 Advanced SIMD, 128-bit registers.
 * Included by vec.h, which says what each one means. */
#include <arm_neon.h>

#define GD_FUSED 1

#if GD_REAL_BITS == 32
#define VL 4
typedef float32x4_t vec;
typedef uint32x4_t vmask;
#define I_(op) op##_f32
#else
#define VL 2
typedef float64x2_t vec;
typedef uint64x2_t vmask;
#define I_(op) op##_f64
#endif
typedef uint64_t vwide __attribute__((vector_size(sizeof(vec))));

VFN vwide w_mul32(vwide a, vwide b) { return (vwide)vmull_u32(vmovn_u64((uint64x2_t)a), vmovn_u64((uint64x2_t)b)); }

VFN vec v_set1(real a) { return I_(vdupq_n)(a); }

VFN vec v_load(const real *p) { return I_(vld1q)(p); }
VFN void v_store(real *p, vec a) { I_(vst1q)(p, a); }

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
VFN vec v_load_i32(const int32_t *p) { return vcvtq_f32_s32(vld1q_s32(p)); }
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
VFN vec v_load_i32(const int32_t *p) { return vcvtq_f64_s64(vmovl_s32(vld1_s32(p))); }
VFN vec v_load_i32_n(const int32_t *p, int64_t n)
{
	if (n >= 2) return v_load_i32(p);
	return (vec){n > 0 ? p[0] : 0, 0};
}
#endif

VFN vec v_fma(vec a, vec b, vec c) { return I_(vfmaq)(c, a, b); }
VFN vec v_fnma(vec a, vec b, vec c) { return I_(vfmsq)(c, a, b); }
VFN vec v_sqrt(vec a) { return I_(vsqrtq)(a); }
VFN vec v_floor(vec a) { return I_(vrndmq)(a); }
VFN vec v_round(vec a) { return I_(vrndnq)(a); }

VFN vmask v_lt(vec a, vec b) { return I_(vcltq)(a, b); }
VFN vmask v_le(vec a, vec b) { return I_(vcleq)(a, b); }
VFN vmask v_gt(vec a, vec b) { return I_(vcgtq)(a, b); }
VFN vmask v_ge(vec a, vec b) { return I_(vcgeq)(a, b); }
VFN vmask v_eq(vec a, vec b) { return I_(vceqq)(a, b); }
VFN vmask v_ne(vec a, vec b) { return ~I_(vceqq)(a, b); }
VFN vec v_select(vmask m, vec a, vec b) { return I_(vbslq)(m, a, b); }
VFN int m_any(vmask m) { return vmaxvq_u32((uint32x4_t)m) != 0; }

/* a < b ? a : b as on x86; FMIN would order zeros and spread nans. */
VFN vec v_min(vec a, vec b) { return v_select(v_lt(a, b), a, b); }
VFN vec v_max(vec a, vec b) { return v_select(v_gt(a, b), a, b); }

#if GD_REAL_BITS == 32
#define GD_FOLDN GD_FOLD4
#else
#define GD_FOLDN GD_FOLD2
#endif
VFN real v_hsum(vec a) { return GD_FOLDN(r_add, a); }
VFN real v_hmax(vec a) { return GD_FOLDN(r_max, a); }
VFN real v_hmin(vec a) { return GD_FOLDN(r_min, a); }
