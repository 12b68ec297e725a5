/* vrandom.h: Philox-2x32-10 of rng.h, as many counters at once as a register has 64-bit lanes.
 *
 *   v_uniform(counter, key)   VL numbers on [0, 1) from the draws of counter ... counter + VL - 1: the top
 *                             24 (float32) or 53 (float64) bits of each, to the bit what gd_philox gives
 *
 * Each instruction set gives `w_mul32`: the products of the low halves of the lanes.
 */
#include "../rng.h"

enum { WIDE = sizeof(vec) / sizeof(uint64_t) };
typedef double vdouble __attribute__((vector_size(sizeof(vec))));

/* Whole numbers below 2^52 as doubles: put under the exponent of 2^52. */
VFN vdouble w_to_double(vwide v)
{
	const vwide exponent = (vwide){0} + 0x4330000000000000u;
	return (vdouble)(v | exponent) - 0x1p52;
}

/* The two halves of the draws; *x0 has its own in the low half of each lane, and anything in the high one. */
VFN void w_philox(uint64_t counter, uint64_t key, vwide *x0, vwide *x1)
{
	vwide low = {0}, high, keys = (vwide){0} + (uint32_t)key;
	const vwide factor = (vwide){0} + 0xD256D193u;
	for (int i = 0; i < WIDE; ++i) low[i] = counter + (uint64_t)i;
	high = (low >> 32) ^ (key >> 32);
#pragma GCC unroll 10
	for (int round = 0; round < 10; ++round) {
		const vwide product = w_mul32(low, factor);
		low = (product >> 32) ^ keys ^ high;
		high = product;
		keys += 0x9E3779B9u;
	}
	*x0 = low, *x1 = high;
}

VFN vec v_uniform(uint64_t counter, uint64_t key)
{
	vwide x0, x1;
#if GD_REAL_BITS == 32
	typedef float half __attribute__((vector_size(sizeof(vec) / 2)));
	union { vec v; half h[2]; } out = {v_zero()};
	for (int i = 0; i < 2; ++i) {
		w_philox(counter + (uint64_t)(i * WIDE), key, &x0, &x1);
		out.h[i] = __builtin_convertvector(w_to_double((x0 & 0xffffffffu) >> 8) * 0x1p-24, half);
	}
	return out.v;
#else
	w_philox(counter, key, &x0, &x1);
	/* both terms and their sum are whole numbers below 2^53 */
	return (w_to_double(x1 & 0xffffffffu) * 0x1p21 + w_to_double((x0 & 0xffffffffu) >> 11)) * 0x1p-53;
#endif
}
