/* check_windows.h: the part of check.c for windows that are no product: unfolded, pooled, resampled. */
#ifndef GD_CHECK_WINDOWS_H
#define GD_CHECK_WINDOWS_H

static int64_t window(const scan *s) { /* unfold, and back: the image is operand 1, or 0 */
  enum { H, W, C, OH, OW, KH, KW, STRIDE_H, STRIDE_W, TOP, LEFT, DILATION_H, DILATION_W, ALL };
  const int back = strcmp(s->ins->op->name, "fold") == 0;
  if (!has(s, 2, 1, ALL, back ? 0 : 1)) return 0;
  const int64_t *a = s->ins->attr;
  for (int i = 0; i < ALL; ++i)
    if (a[i] < 0 || a[i] > MOST) return fail(s, -1, "has a negative size"), 0;
  const int64_t image = times(times(a[H], a[W]), a[C]);
  const int64_t windows = times(times(times(a[OH], a[OW]), times(a[KH], a[KW])), a[C]);
  holds(s, !back, GD_REAL, times(size(s, 0), image));
  holds(s, back, GD_REAL, times(size(s, 0), windows));
  return 0;
}

/* Sizes of the windows of pools; their operands are images (`i`) or one element for each window (`w`). */
static int64_t pool(const scan *s) {
  enum { C, COUNTED, AXES, LENGTH = 0, WINDOWS, KERNEL, STRIDE, BEFORE, AFTER, DILATION, OF_AXIS };
  static const struct { const char *name, *operands; } kinds[] = {
      {"max_pool", "wi"}, {"max_pool_dx", "iwi"}, {"max_pool_take", "wii"}, {"avg_pool", "wi"}, {"avg_pool_dx", "iw"}};
  const char *operands = "";
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i)
    if (strcmp(kinds[i].name, s->ins->op->name) == 0) operands = kinds[i].operands;
  if (!has(s, (int64_t)strlen(operands), 1, AXES + 3 * OF_AXIS, 0)) return 0;
  const int64_t *a = s->ins->attr;
  int64_t image = times(size(s, 0), a[C]), windows = image;
  for (int i = 0; i < AXES + 3 * OF_AXIS; ++i)
    if (a[i] < 0 || a[i] > MOST) return fail(s, -1, "has a negative size"), 0;
  for (const int64_t *axis = a + AXES; axis < a + AXES + 3 * OF_AXIS; axis += OF_AXIS) {
    image = times(image, axis[LENGTH]), windows = times(windows, axis[WINDOWS]);
    if (axis[LENGTH] < 1 || axis[WINDOWS] < 1 || axis[STRIDE] < 1 || axis[DILATION] < 1 ||
        (axis[KERNEL] == 0 && axis[DILATION] != 1))
      return fail(s, -1, "has a size that cannot be"), 0;
  }
  for (int32_t i = 0; operands[i]; ++i) holds(s, i, GD_REAL, operands[i] == 'i' ? image : windows);
  return 0;
}

static int64_t resample(const scan *s) {
  const gd_ins *ins = s->ins;
  const int64_t *a = ins->attr;
  if (ins->n_attr < 3) return has(s, 0, 0, 3, 0), 0;
  if (a[0] < 0 || a[0] > MOST || a[1] < 0 || a[1] > ins->n_attr - 3) return fail(s, -1, "has a size that cannot be"), 0;
  const int64_t *starts = a + 2, *index = starts + a[1] + 1, terms = ins->n_attr - 3 - a[1];
  if (!has(s, 2, 2, ins->n_attr, terms)) return 0;
  if (starts[0] != 0 || starts[a[1]] != terms) return fail(s, -1, "has lists of another number of elements"), 0;
  for (int64_t i = 0; i < a[1]; ++i)
    if (starts[i] > starts[i + 1]) return fail(s, -1, "has lists of another number of elements"), 0;
  for (int64_t i = 0; i < terms; ++i)
    if (index[i] < 0 || index[i] >= a[0]) return fail(s, 1, "has an operand that is read beyond its axis"), 0;
  const int64_t rows = product(s, 0, 2);
  holds(s, 0, GD_REAL, times(rows, a[1]));
  holds(s, 1, GD_REAL, times(rows, a[0]));
  return 0;
}

#endif
