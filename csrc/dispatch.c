/* dispatch.c: which kernel tables this build holds, and which of them this processor can run. */
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include "exec.h"
#include "map_ops.h"
#include "ops/map_chains.h"

#if defined(__x86_64__) || defined(_M_X64)
extern const gd_op gd_table_baseline_f32[], gd_table_baseline_f64[], gd_table_avx2_f32[], gd_table_avx2_f64[],
    gd_table_avx512_f32[], gd_table_avx512_f64[];
extern const gd_converters gd_convert_baseline_f32, gd_convert_baseline_f64, gd_convert_avx2_f32, gd_convert_avx2_f64,
    gd_convert_avx512_f32, gd_convert_avx512_f64;
#else
extern const gd_op gd_table_neon_f32[], gd_table_neon_f64[];
extern const gd_converters gd_convert_neon_f32, gd_convert_neon_f64;
#endif

/* From the plainest to the best. */
static const struct {
  const char *name;
  const gd_op *f32, *f64;
  const gd_converters *to_f32, *to_f64;
} isas[] = {
#if defined(__x86_64__) || defined(_M_X64)
    {"baseline", gd_table_baseline_f32, gd_table_baseline_f64, &gd_convert_baseline_f32, &gd_convert_baseline_f64},
    {"avx2", gd_table_avx2_f32, gd_table_avx2_f64, &gd_convert_avx2_f32, &gd_convert_avx2_f64},
    {"avx512", gd_table_avx512_f32, gd_table_avx512_f64, &gd_convert_avx512_f32, &gd_convert_avx512_f64},
#else
    {"neon", gd_table_neon_f32, gd_table_neon_f64, &gd_convert_neon_f32, &gd_convert_neon_f64},
#endif
};

int gd_isa_count(void) { return (int)(sizeof isas / sizeof *isas); }
const char *gd_isa_name(int i) { return isas[i].name; }

int gd_isa_supported(int i) {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_cpu_init(); /* asks CPUID, and XGETBV whether the system saves the wide registers */
  if (i == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (i == 2)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
  return i == 0;
}

int gd_bf16_supported(void) {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_cpu_init();
  return gd_isa_supported(2) && __builtin_cpu_supports("avx512bf16");
#elif defined(__linux__)
  return getauxval(AT_HWCAP2) >> 14 & 1; /* HWCAP2_BF16 */
#elif defined(__APPLE__)
  int32_t here = 0;
  size_t size = sizeof here;
  return !sysctlbyname("hw.optional.arm.FEAT_BF16", &here, &size, NULL, 0) && here;
#else
  return 0;
#endif
}

const gd_op *gd_table(int isa, int bits) { return bits == 32 ? isas[isa].f32 : isas[isa].f64; }

gd_convert_fn gd_converter(int isa, int bits, int source, int type) {
  const gd_converters *table = bits == 32 ? isas[isa].to_f32 : isas[isa].to_f64;
  return type == GD_INT32 ? table->to_int[source] : table->to_real[source];
}

#define SOURCE_NAME(name, type) #name,
static const char *const source_names[] = {GD_SOURCES(SOURCE_NAME) 0};
const char *gd_source_name(int i) { return source_names[i]; }

#define NAME(name) #name,
static const char *const map_names[] = {GD_MAP_OPS(NAME) 0};
const char *gd_map_op_name(int i) { return map_names[i]; }

#define KEY(key) key,
static const char *const chain_keys[] = {GD_CHAIN_KEYS(KEY) 0};
const char *gd_chain_key(int i) { return chain_keys[i]; }

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#ifndef GD_BUILD_FLAGS
#define GD_BUILD_FLAGS "unknown"
#endif
const char *gd_build_flags(void) { return GD_BUILD_FLAGS; } /* as setup.py gave them to the compiler */

const char *gd_openmp(void) {
#ifdef _OPENMP
  return STRING(_OPENMP);
#else
  return "none";
#endif
}
