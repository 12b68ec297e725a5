/* threads.h: the one header that knows OpenMP. A platform without it runs everything on one thread.
 *
 * gd_barrier is a spin barrier: OpenMP's costs twice as much. A thread that has waited long gives its
 * time away, or a busy neighbour on the machine would turn each wait into a time slice.
 */
#ifndef GD_THREADS_H
#define GD_THREADS_H

#include <stdint.h>

#ifdef _OPENMP
#include <omp.h>
#define GD_PARALLEL(threads) _Pragma("omp parallel num_threads(threads)")
static inline int gd_thread_id(void) { return omp_get_thread_num(); }
static inline int gd_thread_count(void) { return omp_get_num_threads(); }
static inline int gd_most_threads(void) { return omp_get_max_threads(); }
#ifdef _WIN32
__declspec(dllimport) int __stdcall SwitchToThread(void);
static inline void gd_yield(void) { SwitchToThread(); }
#else
#include <sched.h>
static inline void gd_yield(void) { sched_yield(); }
#endif
#else
#define GD_PARALLEL(threads)
static inline int gd_thread_id(void) { return 0; }
static inline int gd_thread_count(void) { return 1; }
static inline int gd_most_threads(void) { return 1; }
static inline void gd_yield(void) {}
#endif

typedef struct {
  _Alignas(64) int32_t arrived;
  _Alignas(64) int32_t round;
} gd_barrier_state;

static inline void gd_relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static inline void gd_barrier(gd_barrier_state *b, int threads) {
  if (threads == 1) return;
  const int32_t round = __atomic_load_n(&b->round, __ATOMIC_RELAXED);
  if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
    __atomic_store_n(&b->arrived, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&b->round, round + 1, __ATOMIC_RELEASE);
    return;
  }
  for (int spins = 0; __atomic_load_n(&b->round, __ATOMIC_ACQUIRE) == round; ++spins)
    if (spins < 4000) gd_relax();
    else gd_yield();
}

#endif
