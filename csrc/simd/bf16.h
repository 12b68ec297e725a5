/* bf16.h: float32 rounded to bfloat16, and dot products of pairs of them where the processor has such.
 *
 *   v_bf16(x)            to nearest, ties to even, as float32; nan stays nan, and is quiet
 *   v_bf16_pair(x, y)    both in one 32-bit lane, x in the upper half; both must be rounded
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
	return v_select(v_ne(x, x), (vec)((u | 0x400000u) & upper), rounded);
}

VFN vec v_bf16_pair(vec x, vec y) { return (vec)((vbits)x | (vbits)y >> 16); }

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
