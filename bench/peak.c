/* peak.c: what the machine can do: fused multiply-adds, divisions and dot products of pairs of bfloat16 in registers, and
 * a[i] = b[i] + s c[i] in memory.
 *
 *   peak THREADS KILOBYTES   prints   GFLOP/s  GB/s  divisions, 10^9/s  GFLOP/s in bfloat16, 0 if it is compiled without
 *
 * Every thread does the same work on data of its own; the time is that from the first start to the last
 * end, and the best of many short rounds counts, as others may be using the machine. Compiled and called by peak.py.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
enum { LANES = BYTES / 4, CHAINS = 12, FMA_ROUNDS = 100, TRIAD_ROUNDS = 10, DIVIDE_ROUNDS = 20, PAIR_ROUNDS = 50, TRIAD_BYTES = 100000000, REPEAT = 200000, MAX_THREADS = 256 };
typedef float vec __attribute__((vector_size(BYTES)));

static int threads;
static size_t elements, repeats; /* of a thread's triad: small arrays again and again */
static pthread_barrier_t meet;
static double fma_seconds = 1e9, triad_seconds = 1e9, divide_seconds = 1e9, pair_seconds = 1e9;
static volatile float sink;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void multiply_add(void) {
  vec x[CHAINS], scale = {0}, shift = {0};
  scale += 0.999999f, shift += 1e-6f;
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; ++i) x[i] = shift * (float)i;
  for (int r = 0; r < REPEAT; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; ++i) x[i] = x[i] * scale + shift;
  }
  vec sum = {0};
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; ++i) sum += x[i];
  sink = sum[0];
}

static void divide(void) {
  vec x[CHAINS], over = {0};
  over += 2.0f;
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; ++i) x[i] = over + (float)i;
  for (int r = 0; r < REPEAT; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; ++i) x[i] = over / x[i];
  }
  vec sum = {0};
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; ++i) sum += x[i];
  sink = sum[0];
}

#ifdef __AVX512BF16__
enum { PAIRS = 1 };
static void multiply_pairs(void) {
  __m512 x[CHAINS];
  const __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f80), b = (__m512bh)_mm512_set1_epi16(0x3a80); /* 1 and 2^-10 */
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; ++i) x[i] = _mm512_set1_ps((float)i);
  for (int r = 0; r < REPEAT; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; ++i) x[i] = _mm512_dpbf16_ps(x[i], a, b);
  }
  __m512 sum = _mm512_setzero_ps();
#pragma GCC unroll 12
  for (int i = 0; i < CHAINS; ++i) sum = _mm512_add_ps(sum, x[i]);
  sink = _mm512_reduce_add_ps(sum);
}
#else
enum { PAIRS = 0 };
static void multiply_pairs(void) {}
#endif

static void triad(float *a, const float *b, const float *c) {
  for (size_t r = 0; r < repeats; ++r) {
    for (size_t i = 0; i < elements; ++i) a[i] = b[i] + 3.0f * c[i];
    __asm__ volatile("" ::: "memory"); /* every repeat is done */
  }
}

static void *work(void *id) {
  float *a = malloc(3 * elements * sizeof *a), *b = a + elements, *c = b + elements;
  if (!a) exit(1);
  for (size_t i = 0; i < 3 * elements; ++i) a[i] = (float)(i & 7);
  static const struct { int until; void (*work)(void); double *best; } phases[] = {
      {FMA_ROUNDS, multiply_add, &fma_seconds},
      {FMA_ROUNDS + DIVIDE_ROUNDS, divide, &divide_seconds},
      {FMA_ROUNDS + DIVIDE_ROUNDS + PAIR_ROUNDS, multiply_pairs, &pair_seconds},
      {FMA_ROUNDS + DIVIDE_ROUNDS + PAIR_ROUNDS + TRIAD_ROUNDS, NULL, &triad_seconds}};
  for (int round = 0, phase = 0; phase < 4; phase += ++round == phases[phase].until) {
    double *best = phases[phase].best;
    pthread_barrier_wait(&meet);
    const double begin = now();
    if (phases[phase].work) phases[phase].work();
    else triad(a, b, c);
    pthread_barrier_wait(&meet);
    if (!id && now() - begin < *best) *best = now() - begin;
  }
  sink = a[elements / 2];
  free(a);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  threads = atoi(argv[1]);
  if (threads < 1 || threads > MAX_THREADS) return 2;
  elements = (size_t)atoi(argv[2]) * 1000 / sizeof(float) / 3 / (size_t)threads;
  repeats = 1 + TRIAD_BYTES / (3 * sizeof(float) * (elements + 1));
  pthread_t team[MAX_THREADS];
  pthread_barrier_init(&meet, NULL, (unsigned)threads);
  for (long i = 1; i < threads; ++i) pthread_create(&team[i], NULL, work, (void *)i);
  work(NULL);
  for (int i = 1; i < threads; ++i) pthread_join(team[i], NULL);
  printf("%.3f %.3f %.3f %.3f\n", 2.0 * LANES * CHAINS * REPEAT * threads / fma_seconds * 1e-9,
         3.0 * sizeof(float) * (double)elements * (double)repeats * threads / triad_seconds * 1e-9,
         1.0 * LANES * CHAINS * REPEAT * threads / divide_seconds * 1e-9,
         PAIRS * 4.0 * LANES * CHAINS * REPEAT * threads / pair_seconds * 1e-9);
  return 0;
}
