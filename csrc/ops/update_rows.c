/* update_rows.c: an optimizer's update of the rows of a table that occur in a batch.
 *
 *   update_rows  the body, an elementwise pass over the numbers of some rows, is run on blocks of rows that are
 *                brought together. Its buffers: 0 its arena; 1 parameters, then each slot, BLOCK rows of each;
 *                2 constants; 3 the numbers of a step, such as the learning rate; 4 the factor of gradients;
 *                5 gradients
 *                ref parameters, slots, constants, numbers of the step, factor, then
 *                    with a list of rows: groups; with their gradients: numbers (see rows.c)
 *                    with a log: now, last (int32), log
 *                dim rows, width, n of the groups
 *                attr LIST (1: of rows, 2: and gradients), LOG, SLOTS, BLOCK, ARENA (bytes of the body's), ENTRIES (of the log), BYTES (of an
 *                    entry), PERIOD, RESTS
 *
 *   log_numbers  ref now (int32), log, numbers;  dim how many;  attr ENTRIES
 *                ++now; log[now % ENTRIES] = numbers
 *
 * Without a log (lazy) rows that do not occur are left alone. With one (exact) each row has the number of its last
 * step, and the steps that it has skipped are taken with gradients of 0 and the numbers of the log before the row is
 * read: the same operations on the same numbers as if all rows were updated in every step.
 * Without gradients rows are only caught up to step `now`, those of the list or all; or, with a PERIOD, one of so many
 * parts of the table to the step before, so that no row is ever behind by more steps than the log has.
 * RESTS says that a step with a gradient of 0 changes nothing of a row that no gradient has met: its last is -1.
 */
#include <string.h>

#include "../ops.h"
#include "../simd/vec.h"

enum { LIST, LOG, SLOTS, BLOCK, ARENA, ENTRIES, BYTES, PERIOD, RESTS };
enum { PART = 1024, LINE = 64 };

/* What the blocks of one call share. */
typedef struct {
  const gd_ins *ins;
  gd_run inner;
  char *own[6];
  real *tables[1 + GD_ROW_SLOTS]; /* [rows][width] each: parameters, then slots */
  real *values, *gradients;       /* [1 + SLOTS][BLOCK][width], [BLOCK][width] */
  int64_t width, now;
  const char *log;
  int32_t *last;
} row_update;

int64_t GD_NAME(gd_update_rows_units)(const gd_ins *ins, int64_t batch) {
  const int64_t *attr = ins->attr, rows = gd_size(ins->dim[0], batch);
  return attr[LIST] ? GD_ROW_PARTS : gd_ceil_div(attr[PERIOD] ? gd_ceil_div(rows, attr[PERIOD]) : rows, PART);
}

/* Bytes of a block's values of one kind, of parameters for example. */
static int64_t block_bytes(const gd_ins *ins) {
  return gd_ceil_div(ins->attr[BLOCK] * ins->dim[1].fixed * (int64_t)sizeof(real), LINE) * LINE;
}

static int64_t own_bytes(const gd_ins *ins) { return ins->attr[ARENA] + (ins->attr[SLOTS] + 2) * block_bytes(ins); }

int64_t GD_NAME(gd_update_rows_scratch)(const gd_ins *ins) {
  int64_t most = 0;
  for (int32_t i = 0; i < ins->n_body; ++i)
    if (ins->body[i].op->scratch) most = gd_max(most, ins->body[i].op->scratch(&ins->body[i]));
  return own_bytes(ins) + most;
}

static inline void copy_row(real *to, const real *from, int64_t width) {
  int64_t j = 0;
  for (; j + VL <= width; j += VL) v_store(to + j, v_load(from + j));
  for (; j < width; ++j) to[j] = from[j];
}

/* The first `rows` rows of the block take a step. */
static void take_step(row_update *u, int64_t rows, const char *numbers, const real *gradients) {
  u->own[3] = (char *)numbers, u->own[5] = (char *)gradients;
  u->inner.batch = rows;
  for (int32_t i = 0; i < u->ins->n_body; ++i) {
    const gd_ins *step = &u->ins->body[i];
    step->op->kernel(step, &u->inner, 0, step->op->units(step, rows));
  }
}

/* Asks for rows that will be wanted soon. */
static void fetch_rows(const row_update *u, const int32_t *rows, int64_t n) {
  const int64_t bytes = u->width * (int64_t)sizeof(real);
  for (int64_t s = 0; s <= u->ins->attr[SLOTS]; ++s)
    for (int64_t i = 0; i < n; ++i) {
      const char *row = (const char *)u->tables[s] + rows[i] * bytes;
      for (int64_t b = 0; b < bytes; b += LINE) __builtin_prefetch(row + b, 1, 3);
      __builtin_prefetch(row + bytes - 1, 1, 2);
    }
}

static void move_rows(const row_update *u, const int32_t *rows, int64_t n, int back) {
  const int64_t width = u->width;
  for (int64_t s = 0; s <= u->ins->attr[SLOTS]; ++s) {
    real *table = u->tables[s], *inner = (real *)((char *)u->values + s * block_bytes(u->ins));
    for (int64_t i = 0; i < n; ++i, inner += width) {
      real *outer = table + rows[i] * width;
      if (back) copy_row(outer, inner, width);
      else copy_row(inner, outer, width);
    }
  }
}

/* A block of rows, n <= BLOCK, with a log: rows[i] takes the steps up to `to` with gradients of 0, and then, if there
 * are gradients, one with its own. Rows that are furthest behind come first, so that each step is taken by
 * the first so many. Without gradients rows that are up to date are left out. */
static void catch_up(row_update *u, const int32_t *rows, int64_t n, const real *gradients, int64_t to) {
  const int64_t *attr = u->ins->attr, most = attr[ENTRIES] - 1;
  int32_t behind[GD_ROW_BLOCK], sorted[GD_ROW_BLOCK], from[GD_ROW_BLOCK];
  int64_t furthest = 0, taken = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t last = u->last[rows[i]];
    behind[i] = (int32_t)(last < 0 && attr[RESTS] ? 0 : gd_max(0, gd_min(most, to - gd_max(0, last))));
    furthest = gd_max(furthest, behind[i]);
  }
  if (furthest == 0) {
    if (!gradients) return;
    move_rows(u, rows, n, 0);
    take_step(u, n, u->log + u->now % attr[ENTRIES] * attr[BYTES], gradients);
    move_rows(u, rows, n, 1);
    for (int64_t i = 0; i < n; ++i) u->last[rows[i]] = (int32_t)u->now;
    return;
  }
  int32_t place[GD_ROW_LOG + 1]; /* a counting sort, the furthest first */
  memset(place, 0, (size_t)(furthest + 1) * sizeof *place);
  for (int64_t i = 0; i < n; ++i) ++place[behind[i]];
  for (int64_t b = furthest, sum = 0; b >= 0; --b) {
    const int32_t here = place[b];
    place[b] = (int32_t)sum, sum += here;
  }
  for (int64_t i = 0; i < n; ++i) {
    const int32_t at = place[behind[i]]++;
    sorted[at] = rows[i], from[at] = (int32_t)i;
  }
  taken = gradients ? n : place[1]; /* now the end of each kind */
  move_rows(u, sorted, taken, 0);
  memset(u->gradients, 0, (size_t)block_bytes(u->ins));
  for (int64_t t = furthest; t > 0; --t) /* place[t]: the end of those that are t or more steps behind */
    take_step(u, place[t], u->log + (to - t + 1) % attr[ENTRIES] * attr[BYTES], u->gradients);
  if (gradients) {
    for (int64_t i = 0; i < n; ++i) copy_row(u->gradients + i * u->width, gradients + from[i] * u->width, u->width);
    take_step(u, n, u->log + u->now % attr[ENTRIES] * attr[BYTES], u->gradients);
  }
  move_rows(u, sorted, taken, 1);
  for (int64_t i = 0; i < taken; ++i) u->last[sorted[i]] = (int32_t)(gradients ? u->now : to);
}

/* The rows of groups [from, end), at most a block. A row beyond the table, of a plan that something else has made, is
 * its last. */
static int64_t take_list(int32_t *list, const int32_t *rows, int64_t from, int64_t end, int64_t block, int64_t table) {
  const int64_t n = gd_max(0, gd_min(block, end - from));
  for (int64_t i = 0; i < n; ++i) list[i] = (int32_t)((uint32_t)rows[from + i] < (uint64_t)table ? rows[from + i] : table - 1);
  return n;
}

void GD_NAME(gd_update_rows)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t *attr = ins->attr, rows = gd_size(ins->dim[0], run->batch), block = attr[BLOCK];
  int32_t ref = 1 + (int32_t)attr[SLOTS];
  row_update u = {.ins = ins, .width = ins->dim[1].fixed};
  for (int64_t s = 0; s <= attr[SLOTS]; ++s) u.tables[s] = (real *)gd_at(run, ins, (int)s);
  u.own[0] = run->scratch, u.own[1] = run->scratch + attr[ARENA];
  u.own[2] = gd_at(run, ins, ref++);
  const char *step = gd_at(run, ins, ref++);
  u.own[4] = gd_at(run, ins, ref++);
  u.values = (real *)u.own[1];
  u.gradients = (real *)(u.own[1] + (attr[SLOTS] + 1) * block_bytes(ins));
  u.inner = (gd_run){u.own, run->scratch + own_bytes(ins), 0, run->seed, run->step, NULL, NULL, NULL};
  const int64_t n = gd_size(ins->dim[2], run->batch);
  const int32_t *groups = attr[LIST] ? (const int32_t *)gd_at(run, ins, ref++) : NULL;
  const real *numbers = attr[LIST] == 2 ? (const real *)gd_at(run, ins, ref++) : NULL;
  if (attr[LOG]) {
    u.now = gd_max(0, *(const int32_t *)gd_at(run, ins, ref++));
    u.last = (int32_t *)gd_at(run, ins, ref++);
    u.log = gd_at(run, ins, ref);
  }
  if (groups) {
    const int64_t count = gd_max(0, gd_min(n, groups[3 * n]));
    int32_t lists[2][GD_ROW_BLOCK]; /* of this block, and of the next */
    int64_t some = take_list(lists[0], groups + n, count * lo / GD_ROW_PARTS, count * hi / GD_ROW_PARTS, block, rows);
    int turn = 0;
    for (int64_t at = count * lo / GD_ROW_PARTS, end = count * hi / GD_ROW_PARTS; at < end; at += block, turn = !turn) {
      const int64_t next = take_list(lists[!turn], groups + n, at + some, end, block, rows);
      const real *gradients = numbers ? numbers + at * u.width : NULL;
      const int32_t *list = lists[turn];
      fetch_rows(&u, lists[!turn], next);
      if (attr[LOG]) catch_up(&u, list, some, gradients, u.now - (gradients != NULL));
      else {
        move_rows(&u, list, some, 0);
        take_step(&u, some, step, gradients);
        move_rows(&u, list, some, 1);
      }
      some = next;
    }
    return;
  }
  if (!u.last) return; /* for analysers: without a list there is a log */
  int64_t begin = 0, end = rows, to = u.now;
  if (attr[PERIOD]) {
    const int64_t piece = gd_ceil_div(rows, attr[PERIOD]);
    begin = gd_min(rows, piece * (u.now % attr[PERIOD])), end = gd_min(rows, begin + piece);
    --to;
  }
  for (int64_t at = begin + lo * PART, stop = gd_min(end, begin + hi * PART); at < stop; at += block) {
    int32_t list[GD_ROW_BLOCK];
    const int64_t some = gd_min(block, stop - at);
    for (int64_t i = 0; i < some; ++i) list[i] = (int32_t)(at + i);
    catch_up(&u, list, some, NULL, to);
  }
}

int64_t GD_NAME(gd_log_numbers_units)(const gd_ins *ins, int64_t batch) { return (void)ins, (void)batch, 1; }

void GD_NAME(gd_log_numbers)(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  if (lo == hi) return;
  const size_t bytes = (size_t)gd_size(ins->dim[0], run->batch) * sizeof(real);
  int32_t *now = (int32_t *)gd_at(run, ins, 0);
  *now = (int32_t)((uint32_t)*now + 1);
  memcpy(gd_at(run, ins, 1) + (size_t)(gd_max(0, *now) % ins->attr[0]) * bytes, gd_at(run, ins, 2), bytes);
}
