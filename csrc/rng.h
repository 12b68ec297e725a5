/* rng.h: random numbers from a counter, so that any element of any step can be had at once.
 *
 * Philox-2x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as 1, 2, 3; SC 2011).
 * One call turns the counter (element, step) under the key of (seed, stream) into 64 random bits.
 * Who draws what is written in the counter alone: nothing is carried from one draw to the next.
 */
#ifndef GD_RNG_H
#define GD_RNG_H

#include <stdint.h>

static inline uint64_t gd_mix64(uint64_t x) { /* the finalizer of SplitMix64 */
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* The 64-bit key of one stream at one step; the low half is Philox's key, the high half joins the counter. */
static inline uint64_t gd_rng_key(uint64_t seed, uint64_t stream, uint64_t step) {
  return gd_mix64(gd_mix64(gd_mix64(seed) ^ stream) ^ step);
}

static inline uint64_t gd_philox(uint64_t counter, uint64_t key) {
  uint32_t x0 = (uint32_t)counter, x1 = (uint32_t)(counter >> 32) ^ (uint32_t)(key >> 32);
  uint32_t k = (uint32_t)key;
  for (int round = 0; round < 10; ++round) {
    uint64_t product = (uint64_t)x0 * 0xD256D193u;
    x0 = (uint32_t)(product >> 32) ^ k ^ x1;
    x1 = (uint32_t)product;
    k += 0x9E3779B9u;
  }
  return (uint64_t)x1 << 32 | x0;
}

#endif
