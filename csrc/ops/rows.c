/* rows.c: the gradient of a table as those of its rows that occur in a batch.
 *
 *   group_rows  ref groups (int32), then the indices of each source, workspace (reals);  dim n, rows, then the
 *               number of indices of each source;  attr none
 *               sorts the occurrences by row. Of n int32 each: the occurrences, group by group, each group in
 *               their order; the row of each group; where it ends; the last n begin with the number of groups.
 *               Occurrence i is the i-th index of all sources, one after another; out of range: left out.
 *
 *   sum_rows    ref numbers, groups, then dy of each source, then the weights of those that have some
 *               dim n, width, then for each source its indices and how many of them share a row of dy
 *               attr for each source which operand its weights are, or 0
 *               numbers[j, :] = the sum over the occurrences of group j of weight * dy row
 *
 *   square_rows ref y, numbers, groups;  dim n, width
 *               y[PARTS]: sums of squares of the numbers of all groups, in parts
 */
#include <string.h>

#include "../ops.h"
#include "../simd/vec.h"

enum { DIGIT = 11, BUCKETS = 1 << DIGIT, PARTS = GD_ROW_PARTS };

typedef struct { uint32_t row, at; } occurrence;

int64_t GD_NAME(gd_group_rows_units)(const gd_ins *ins, int64_t batch) { return (void)ins, (void)batch, 1; }

/* One pass of a stable radix sort, by the digit that begins at bit `shift`. */
static void sort_by_digit(occurrence *to, const occurrence *from, int64_t n, int shift) {
  int32_t begin[BUCKETS] = {0};
  for (int64_t i = 0; i < n; ++i) ++begin[from[i].row >> shift & (BUCKETS - 1)];
  for (int32_t b = 0, sum = 0; b < BUCKETS; ++b) {
    const int32_t here = begin[b];
    begin[b] = sum, sum += here;
  }
  for (int64_t i = 0; i < n; ++i) to[begin[from[i].row >> shift & (BUCKETS - 1)]++] = from[i];
}

void GD_NAME(gd_group_rows)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  if (lo == hi) return;
  const int64_t n = gd_size(ins->dim[0], run->batch), rows = gd_size(ins->dim[1], run->batch);
  const int32_t sources = ins->n_ref - 2;
  int32_t *order = (int32_t *)gd_at(run, ins, 0), *row = order + n, *ends = row + n, *count = ends + n;
  occurrence *a = (occurrence *)gd_at(run, ins, ins->n_ref - 1), *b = a + n;
  int64_t found = 0, before = 0;
  for (int32_t s = 0; s < sources; ++s) {
    const int32_t *index = (const int32_t *)gd_at(run, ins, 1 + s);
    const int64_t own = gd_size(ins->dim[2 + s], run->batch);
    for (int64_t i = 0; i < own; ++i) {
      a[found] = (occurrence){(uint32_t)index[i], (uint32_t)(before + i)};
      found += (uint32_t)index[i] < (uint64_t)rows;
    }
    before += own;
  }
  for (int shift = 0; shift < 32 && (rows - 1) >> shift; shift += DIGIT) {
    sort_by_digit(b, a, found, shift);
    occurrence *swap = a;
    a = b, b = swap;
  }
  int32_t groups = 0;
  for (int64_t i = 0; i < found; ++i) {
    order[i] = (int32_t)a[i].at;
    if (i + 1 == found || a[i + 1].row != a[i].row) row[groups] = (int32_t)a[i].row, ends[groups++] = (int32_t)(i + 1);
  }
  *count = groups;
}

/* The number of groups. A plan that something else has made may have them read what is none: the tests here and
 * below keep that from doing harm. */
static int64_t groups_of(const int32_t *groups, int64_t n) { return gd_max(0, gd_min(n, groups[3 * n])); }

/* Which groups part u of PARTS is. */
static void part(int64_t u, int64_t count, int64_t *from, int64_t *to) {
  *from = count * u / PARTS, *to = count * (u + 1) / PARTS;
}

int64_t GD_NAME(gd_sum_rows_units)(const gd_ins *ins, int64_t batch) { return (void)ins, (void)batch, PARTS; }

typedef struct { const real *dy, *weights; int32_t begin, end; uint32_t each; } row_source;

static inline void add_row(real *y, const row_source *source, int64_t i, int64_t width, int first) {
  const real *dy = source->dy + (uint32_t)i / source->each * width;
  const vec w = v_set1(source->weights ? source->weights[i] : 1);
  int64_t j = 0;
  for (; j + VL <= width; j += VL) v_store(y + j, v_fma(w, v_load(dy + j), first ? v_zero() : v_load(y + j)));
  if (j < width) {
    const int64_t rest = width - j;
    v_store_n(y + j, v_fma(w, v_load_n(dy + j, rest), first ? v_zero() : v_load_n(y + j, rest)), rest);
  }
}

void GD_NAME(gd_sum_rows)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t n = gd_size(ins->dim[0], run->batch), width = gd_size(ins->dim[1], run->batch);
  real *y = (real *)gd_at(run, ins, 0);
  const int32_t *order = (const int32_t *)gd_at(run, ins, 1), *ends = order + 2 * n;
  row_source sources[GD_ROW_SOURCES];
  int64_t before = 0;
  if (ins->n_attr <= 0) return; /* for analysers: there is a source */
  for (int32_t s = 0; s < ins->n_attr; ++s) {
    const int64_t operand = ins->attr[s], own = gd_size(ins->dim[2 + 2 * s], run->batch);
    sources[s] = (row_source){(const real *)gd_at(run, ins, 2 + s),
                              operand ? (const real *)gd_at(run, ins, (int)operand) : NULL,
                              (int32_t)before, (int32_t)(before + own),
                              (uint32_t)gd_size(ins->dim[3 + 2 * s], run->batch)};
    before += own;
  }
  for (int64_t u = lo; u < hi; ++u) {
    int64_t from, to;
    part(u, groups_of(order, n), &from, &to);
    for (int64_t g = from; g < to; ++g) {
      for (int64_t at = g ? gd_max(0, ends[g - 1]) : 0, begin = at; at < gd_min(n, ends[g]); ++at) {
        const row_source *source = sources;
        if ((uint32_t)order[at] >= (uint64_t)before) continue;
        while (order[at] >= source->end) ++source;
        const int32_t i = order[at] - source->begin;
        if (width > 1) add_row(y + g * width, source, i, width, at == begin);
        else {
          const real d = (source->weights ? source->weights[i] : 1) * source->dy[(uint32_t)i / source->each];
          y[g] = at == begin ? d : y[g] + d;
        }
      }
    }
  }
}

int64_t GD_NAME(gd_square_rows_units)(const gd_ins *ins, int64_t batch) { return (void)ins, (void)batch, PARTS; }

void GD_NAME(gd_square_rows)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t n = gd_size(ins->dim[0], run->batch), width = gd_size(ins->dim[1], run->batch);
  real *y = (real *)gd_at(run, ins, 0);
  const real *x = (const real *)gd_at(run, ins, 1);
  const int64_t count = groups_of((const int32_t *)gd_at(run, ins, 2), n);
  for (int64_t u = lo; u < hi; ++u) {
    int64_t from, to;
    part(u, count, &from, &to);
    vec sum = v_zero();
    for (int64_t i = from * width; i < to * width; i += VL) {
      const vec a = v_load_n(x + i, gd_min(VL, to * width - i));
      sum = v_fma(a, a, sum);
    }
    y[u] = v_hsum(sum);
  }
}
