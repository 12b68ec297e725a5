/* bf16.h: float32 rounded to bfloat16, and dot products of pairs of them where the processor has such.
 *
 *   v_bf16(x)            to nearest, ties to even, as float32; nan stays nan, and is quiet; subnormals are flushed
 *   v_bf16_pair(x, y)    both rounded, in one 32-bit lane, x in the upper half
 *   v_bf16_pairs(x, y)   the 2 VL numbers of x and behind it y, each two neighbours in a lane, the first in the upper half
 *   GD_BF16_DOT          defined where there is v_bf16_dot; the file is compiled with the flags of setup.py's BF16
 *   v_bf16_dot(c, a, b)  c + ax bx + ay by of pairs. On x86 (VDPBF16PS) the upper halves come first, and each product is
 *                        added by a fused multiply-add with subnormals flushed: v_fma(ay, by, v_fma(ax, bx, c))
 *                        to the bit. On AArch64 (BFDOT) the pair is added up first, and roundings are to odd.
 */
#ifndef GD_SIMD_BF16_H
#define GD_SIMD_BF16_H

#include "vec.h"

#if GD_REAL_BITS == 32

VFN vec v_bf16(vec x)
{
	const vbits u = (vbits)x, upper = (vbits){0} + 0xffff0000u;
	const vec rounded = (vec)((u + 0x7fffu + ((u >> 16) & 1u)) & upper);
	return v_select(v_ne(x, x), (vec)((u | 0x400000u) & upper), v_select(v_lt(v_abs(x), v_set1(0x1p-126f)), (vec)(u & 0x80000000u), rounded));
}

#if defined GD_ISA_avx512 && defined __AVX512BF16__ /* VCVTNE2PS2BF16 rounds as v_bf16 */
VFN vec v_bf16_pair(vec x, vec y)
{
	static const int16_t by_turns[32] __attribute__((aligned(64))) = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
	                                                                  8,  24, 9,  25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
	return (vec)_mm512_permutexvar_epi16(_mm512_load_si512(by_turns), (__m512i)_mm512_cvtne2ps_pbh(x, y));
}
VFN vec v_bf16_pairs(vec x, vec y) { return (vec)_mm512_rol_epi32((__m512i)_mm512_cvtne2ps_pbh(y, x), 16); }
#else
VFN vec v_bf16_pair(vec x, vec y) { return (vec)((vbits)v_bf16(x) | (vbits)v_bf16(y) >> 16); }
#if VL == 16
#define GD_EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define GD_ODD 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif VL == 8
#define GD_EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define GD_ODD 1, 3, 5, 7, 9, 11, 13, 15
#else
#define GD_EVEN 0, 2, 4, 6
#define GD_ODD 1, 3, 5, 7
#endif
VFN vec v_bf16_pairs(vec x, vec y)
{
	return v_bf16_pair(__builtin_shufflevector(x, y, GD_EVEN), __builtin_shufflevector(x, y, GD_ODD));
}
#endif

#if defined GD_ISA_avx512 && defined __AVX512BF16__
#define GD_BF16_DOT 1
VFN vec v_bf16_dot(vec c, vec a, vec b) { return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b); }
#elif defined GD_ISA_neon && defined __ARM_FEATURE_BF16_VECTOR_ARITHMETIC
#define GD_BF16_DOT 1
VFN vec v_bf16_dot(vec c, vec a, vec b) { return vbfdotq_f32(c, (bfloat16x8_t)a, (bfloat16x8_t)b); }
#elif defined GD_BF16_EMULATED /* by tests/csrc/bf16_pairs.c: what VDPBF16PS computes */
#define GD_BF16_DOT 1
VFN vec v_bf16_dot(vec c, vec a, vec b)
{
	const vbits upper = (vbits){0} + 0xffff0000u;
	const vec first = v_fma((vec)((vbits)a & upper), (vec)((vbits)b & upper), c);
	return v_fma((vec)((vbits)a << 16), (vec)((vbits)b << 16), first);
}
#endif

#endif
#endif
