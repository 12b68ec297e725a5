/* check_rows.h: part of check.c, for the kernels that take rows of a table by number: ops/index.c, bags.c, rows.c and
 * update_rows.c have the order of their operands. */

static int64_t gather(const scan *s) { /* and back: the table is operand 1, or 0 */
  if (!has(s, 3, 3, 0, 0)) return 0;
  const int back = strcmp(s->ins->op->name, "scatter_add") == 0;
  holds(s, back, GD_REAL, times(size(s, 0), size(s, 2)));
  holds(s, !back, GD_REAL, times(size(s, 1), size(s, 2)));
  holds(s, 2, GD_INT32, size(s, 0));
  return 0;
}

static int64_t bag(const scan *s) { /* and back: the table is operand 1, or 0 */
  enum { BAGS, K, ROWS, WIDTH };
  const int weighted = s->ins->n_attr == 1 && s->ins->attr[0];
  if (!has(s, 3 + weighted, 4, 1, 0)) return 0;
  const int back = strcmp(s->ins->op->name, "bag_add") == 0;
  const int64_t indices = times(size(s, BAGS), size(s, K));
  holds(s, back, GD_REAL, times(size(s, BAGS), size(s, WIDTH)));
  holds(s, !back, GD_REAL, times(size(s, ROWS), size(s, WIDTH)));
  holds(s, 2, GD_INT32, indices);
  if (weighted) holds(s, 3, GD_REAL, indices);
  return 0;
}

/* The groups of at most dim[i] occurrences, of which there must be one: their number has a place of its own. */
static void groups(const scan *s, int32_t operand, int64_t i) {
  const int64_t n = size(s, i);
  holds(s, operand, GD_INT32, times(4, n));
  if (n > INT32_MAX / 4) fail(s, -1, "has more indices than its kernel counts: it reaches beyond them");
  else if (s->ins->dim[i].fixed + s->ins->dim[i].per_row < 1) fail(s, -1, "has a negative size or no indices");
}

/* The indices of sources, whose sizes are dim[from], dim[from + step] and so on, are at most n in all. */
static void at_most_all(const scan *s, int32_t from, int32_t step) {
  int64_t fixed = 0, per_row = 0;
  for (int32_t i = from; i < s->ins->n_dim; i += step) {
    size(s, i);
    fixed = plus(fixed, s->ins->dim[i].fixed), per_row = plus(per_row, s->ins->dim[i].per_row);
  }
  if (fixed > s->ins->dim[0].fixed || per_row > s->ins->dim[0].per_row) fail(s, -1, "has more indices than it says");
}

static int64_t group_rows(const scan *s) {
  const int32_t sources = s->ins->n_ref - 2;
  if (sources < 1 || !has(s, sources + 2, 2 + sources, 0, 0)) return has(s, 3, 3, 0, 0), 0;
  for (int32_t i = 0; i < sources; ++i) holds(s, 1 + i, GD_INT32, size(s, 2 + i));
  holds(s, sources + 1, GD_REAL, times(size(s, 0), s->plan->bits == 32 ? 4 : 2));
  groups(s, 0, 0);
  if (size(s, 1) > INT32_MAX) fail(s, -1, "has more rows than its kernel counts: it reaches beyond them");
  at_most_all(s, 2, 1);
  return 0;
}

static int64_t sum_rows(const scan *s) {
  const int32_t sources = s->ins->n_attr;
  int32_t weighted = 0;
  for (int32_t i = 0; i < sources; ++i) weighted += s->ins->attr[i] != 0;
  if (sources < 1 || sources > GD_ROW_SOURCES || !has(s, 2 + sources + weighted, 2 + 2 * sources, sources, 0))
    return has(s, 0, 4, 1, 0), 0;
  const int64_t width = size(s, 1);
  holds(s, 0, GD_REAL, times(size(s, 0), width));
  groups(s, 1, 0);
  for (int32_t i = 0; i < sources; ++i) {
    const int64_t own = size(s, 2 + 2 * i), each = size(s, 3 + 2 * i), weights = s->ins->attr[i];
    if (each < 1 || each > INT32_MAX || s->ins->dim[3 + 2 * i].per_row) return fail(s, -1, "has a bag of a size that cannot be"), 0;
    holds(s, 2 + i, GD_REAL, times(own / each, width));
    if (!weights) continue;
    if (weights < 2 + sources || weights >= s->ins->n_ref) return fail(s, -1, "has weights and no place for them"), 0;
    holds(s, (int32_t)weights, GD_REAL, own);
  }
  at_most_all(s, 2, 2);
  return 0;
}

static int64_t square_rows(const scan *s) {
  if (!has(s, 3, 2, 0, 0)) return 0;
  holds(s, 0, GD_REAL, GD_ROW_PARTS);
  holds(s, 1, GD_REAL, product(s, 0, 2));
  groups(s, 2, 0);
  return 0;
}

static int64_t log_numbers(const scan *s) {
  if (!has(s, 3, 1, 1, 0)) return 0;
  const int64_t entries = s->ins->attr[0];
  if (entries < 1 || entries > GD_ROW_LOG) return fail(s, -1, "has a log of a size that cannot be"), 0;
  holds(s, 0, GD_INT32, 1);
  holds(s, 1, GD_REAL, times(entries, size(s, 0)));
  holds(s, 2, GD_REAL, size(s, 0));
  return 0;
}

static int64_t update_rows(const scan *s) {
  enum { LIST, LOG, SLOTS, BLOCK, ARENA, ENTRIES, BYTES, PERIOD, RESTS, ALL };
  const gd_ins *ins = s->ins;
  const int64_t *a = ins->attr, wide = s->plan->bits / 8;
  if (ins->n_attr != ALL) return has(s, 0, 3, ALL, 0), 0;
  for (int i = 0; i < ALL; ++i)
    if (a[i] < 0 || a[i] > MOST) return fail(s, -1, "has a size that cannot be"), 0;
  if (a[SLOTS] > GD_ROW_SLOTS || a[BLOCK] < 1 || a[BLOCK] > GD_ROW_BLOCK || a[ARENA] % 64)
    return fail(s, -1, "has blocks that its kernel has no room for"), 0;
  if (a[LIST] > 2 || (a[LIST] < 2 && !a[LOG])) return fail(s, -1, "has neither gradients nor a log"), 0;
  if (a[LOG] && (a[ENTRIES] < 2 || a[ENTRIES] > GD_ROW_LOG)) return fail(s, -1, "has a log of no size"), 0;
  int32_t ref = 4 + (int32_t)a[SLOTS];
  if (!has(s, ref + a[LIST] + (a[LOG] ? 3 : 0), 3, ALL, 0)) return 0;
  const int64_t rows = size(s, 0), width = size(s, 1), numbers = a[BYTES] / wide + (a[BYTES] % wide != 0);
  if (rows < 1 || rows > INT32_MAX || width < 1 || width > MOST || ins->dim[1].per_row) return fail(s, -1, "has a size that cannot be"), 0;
  for (int32_t i = 0; i <= a[SLOTS]; ++i) holds(s, i, GD_REAL, times(rows, width));
  holds(s, ref - 3, GD_REAL, 1);
  holds(s, ref - 2, GD_REAL, numbers);
  holds(s, ref - 1, GD_REAL, 1);
  if (a[LIST]) groups(s, ref++, 2);
  if (a[LIST] == 2) holds(s, ref++, GD_REAL, times(size(s, 2), width));
  if (a[LOG]) {
    holds(s, ref++, GD_INT32, 1);
    holds(s, ref++, GD_INT32, rows);
    holds(s, ref++, GD_REAL, times(a[ENTRIES], numbers));
  }
  if (s->fault->what) return 0;
  const int64_t each = times(times(a[BLOCK], width), wide), padded = times(each / 64 + (each % 64 != 0), 64);
  const gd_ref constants = ins->ref[1 + a[SLOTS]];
  const int64_t room[] = {a[ARENA], times(1 + a[SLOTS], padded), s->room[constants.buffer] - constants.offset,
                          a[BYTES], wide, padded};
  if (room[1] > (int64_t)1 << 32) return fail(s, -1, "has blocks that its kernel has no room for"), 0;
  const gd_plan body = {.ins = ins->body, .n_ins = ins->n_body, .bits = s->plan->bits, .flag_buffer = -1};
  gd_fault inner;
  if (!gd_check(&body, room, 6, a[BLOCK], &inner)) {
    fail(s, inner.ref, inner.what);
    s->fault->within = inner.instruction + 1;
  }
  return 0;
}
