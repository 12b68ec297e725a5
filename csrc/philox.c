/* philox.c: the random words that initial values and host-side draws are made of, and uniform numbers of them.
 *
 * Philox-4x64-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers, as easy as 1, 2, 3; SC 2011): word w of the
 * sequence of a key is word w % 4 of the block with the counter 1 + w / 4, as in NumPy's bit generator of this
 * name, whose output is promised never to change. Called by the Cython door for `gdcore.random`. */
#include "exec.h"

enum { WORDS = 4, ROUNDS = 10, PIECE = 512 };

static void block(uint64_t *out, uint64_t counter, const uint64_t *key) {
  uint64_t a = counter, b = 0, c = 0, d = 0, k0 = key[0], k1 = key[1];
  for (int round = 0; round < ROUNDS; ++round) {
    const __uint128_t p = (__uint128_t)a * 0xD2E7470EE14C6C93u, q = (__uint128_t)c * 0xCA5A826395121157u;
    a = (uint64_t)(q >> 64) ^ b ^ k0, b = (uint64_t)q;
    c = (uint64_t)(p >> 64) ^ d ^ k1, d = (uint64_t)p;
    k0 += 0x9E3779B97F4A7C15u, k1 += 0xBB67AE8584CAA73Bu;
  }
  out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

void gd_random_words(uint64_t *out, int64_t n, uint64_t first, const uint64_t *key) {
  uint64_t words[WORDS], counter = 1 + first / WORDS;
  for (int64_t at = -(int64_t)(first % WORDS); at < n; at += WORDS, ++counter) {
    if (at >= 0 && at + WORDS <= n) {
      block(out + at, counter, key);
      continue;
    }
    block(words, counter, key);
    for (int i = 0; i < WORDS; ++i)
      if (at + i >= 0 && at + i < n) out[at + i] = words[i];
  }
}

/* The upper 53 bits of a word fill the mantissa of a double: [0, 1) in steps of 2^-53. */
static inline double unit(uint64_t word) { return (double)(int64_t)(word >> 11) * 0x1p-53; }

#define UNIFORM(real) \
  for (int64_t i = 0; i < count; ++i) ((real *)out)[at + i] = (real)(low + width * unit(words[i]));

void gd_random_uniform(void *out, int bits, int64_t n, uint64_t first, const uint64_t *key, double low, double width) {
  uint64_t words[PIECE] = {0}; /* which analysis cannot see being filled */
  for (int64_t at = 0; at < n; at += PIECE) {
    const int64_t count = gd_min(PIECE, n - at);
    gd_random_words(words, count, first + (uint64_t)at, key);
    if (bits == 32) UNIFORM(float)
    else UNIFORM(double)
  }
}
