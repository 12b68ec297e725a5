/* fpstate.h: subnormals flushed to zero in one thread, for the length of a call.
 *
 * The gradients of an over-fitted network become subnormal, and an operation on a subnormal takes some
 * hundred cycles. The control word is restored before the call returns, so that callers keep their mode.
 */
#ifndef GD_FPSTATE_H
#define GD_FPSTATE_H

#include <stdint.h>

typedef uint64_t gd_fpstate;

#if defined(__x86_64__)
#include <xmmintrin.h>
static inline gd_fpstate gd_flush_subnormals(void) {
  unsigned word = _mm_getcsr();
  _mm_setcsr(word | 0x8040); /* FTZ and DAZ */
  return word;
}
static inline void gd_restore_fpstate(gd_fpstate word) { /* the sticky flags too: nothing was raised */
  _mm_setcsr((unsigned)word);
}
#elif defined(__aarch64__)
static inline gd_fpstate gd_flush_subnormals(void) {
  uint64_t word;
  __asm__ volatile("mrs %0, fpcr" : "=r"(word));
  __asm__ volatile("msr fpcr, %0" ::"r"(word | (UINT64_C(1) << 24)));
  return word;
}
static inline void gd_restore_fpstate(gd_fpstate word) { __asm__ volatile("msr fpcr, %0" ::"r"(word)); }
#else
static inline gd_fpstate gd_flush_subnormals(void) { return 0; }
static inline void gd_restore_fpstate(gd_fpstate word) { (void)word; }
#endif

#endif
