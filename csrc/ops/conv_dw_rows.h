/* conv_dw_rows.h: the gradient of a kernel of few filters, all taps while some rows are in L1. Part of conv.c.
 *
 * Elements of a line of taps are rows of a matrix as it lies, whose columns are the pixels of a row of windows; rows
 * of windows are segments of what is summed (`gd_product_segments`). A block of rows of an image is in L1 while
 * dw, which is small, is added to tap by tap. Rows are copied where they are padded or hold several groups. In bfloat16,
 * where the processor multiplies pairs, an element is paired with that of the next window, and dy likewise.
 */
enum { DW_FEW = 8 * VL, DW_BLOCK = 24576 / sizeof(real), DW_STRIP = 6, DEEP = 64 };

static conv_windows dw_open(const gd_ins *ins, const real *x) {
  conv_windows g = windows_open(ins, x);
  g.bfloat16 = ins->attr[DW_BF16] == 2 && PAIRS.pairs ? 2 : 0;
  return g;
}

/* Rows of windows in a block. */
static int64_t dw_rows(const conv_windows *g) {
  const int64_t line = gd_max(1, line_of(g->at.across)), block = g->bfloat16 ? 2 * DW_BLOCK : DW_BLOCK, rows = line > block ? 0 : block / line / g->c / gd_max(1, g->at.down.step);
  return gd_min(g->at.down.windows, gd_max(1, gd_min(SEGMENTS, rows)));
}
static int64_t dw_lines(const conv_windows *g) {
  return (dw_rows(g) - 1) * g->at.down.step + (g->at.down.taps - 1) * g->at.down.apart + 1;
}

/* A unit is a strip of a line of taps, or of a tap where they are apart: so many strips there are. */
typedef struct { int64_t run, runs, strips; } dw_strips;
static dw_strips dw_strips_of(const conv_windows *g) {
  const gd_axis w = g->at.across;
  const int64_t run = w.apart == 1 ? w.taps * g->c : g->c, cuts = w.apart == 1 ? 1 : w.taps;
  return (dw_strips){run, g->at.down.taps * cuts, gd_ceil_div(run, g->bfloat16 ? 2 * DW_STRIP : DW_STRIP)};
}

static int dw_by_rows(const gd_ins *ins) {
  const conv_windows g = dw_open(ins, NULL);
  if (ins->attr[DW_BF16] && !g.bfloat16) return 0;
  const gd_axis h = g.at.down, w = g.at.across;
  const int flat = gd_axis_flat(g.at.deep) && gd_axis_flat(h) && gd_axis_flat(w), n = ins->attr[N] && ins->attr[N] <= DW_FEW;
  return n && !flat && h.windows && h.taps && w.taps && g.c && g.at.deep.taps == 1 && g.at.deep.size == 1 && g.at.deep.windows == 1 && g.at.deep.first == 0 && w.windows >= 4 &&
         (!g.bfloat16 || dw_rows(&g) * w.windows >= DEEP) && within(dw_lines(&g), line_of(w), g.c, 8 * DW_BLOCK);
}

static int dw_is_copied(const conv_windows *g) {
  const gd_axis h = g->at.down;
  return line_is_copied(g) || h.first < 0 || h.first + (h.windows - 1) * h.step + (h.taps - 1) * h.apart >= h.size;
}

/* Elements from one copied line to the next; behind pairs, the last window is followed by zeros. */
static int64_t dw_pitch(const conv_windows *g) { return padded((line_of(g->at.across) + (g->bfloat16 ? g->at.across.step : 0)) * g->c); }

/* Of dy, words of the pairs of one row of windows. */
static int64_t dw_panel(const conv_windows *g) { return gd_ceil_div(g->at.across.windows, 2) * 2 * VL + VL; }

static int64_t dw_rows_scratch(const gd_ins *ins) {
  const conv_windows g = dw_open(ins, NULL);
  const int64_t dy = g.bfloat16 ? dw_rows(&g) * gd_ceil_div(ins->attr[N], 2 * VL) * dw_panel(&g) : 0;
  return dw_is_copied(&g) ? gd_ceil_div((dw_lines(&g) * dw_pitch(&g) + dy) * (int64_t)sizeof(real), 64) * 64 : 0;
}

static int64_t dw_rows_units(const gd_ins *ins) {
  const conv_windows g = dw_open(ins, NULL);
  const dw_strips s = dw_strips_of(&g);
  return ins->attr[GROUPS] * s.runs * s.strips;
}

/* Units [lo, hi) of one group, whose dw and dy begin at `dw` and `dy`, with `all` filters in all groups. It polls
 * after each image: in pieces, all images would be read once for each. */
static void dw_of_rows(const conv_windows *g, const gd_run *run, int64_t images, int64_t n, int64_t all, real *dw, const real *dy, int64_t lo, int64_t hi) {
  const gd_axis h = g->at.down, w = g->at.across;
  const dw_strips strips = dw_strips_of(g);
  const int copied = dw_is_copied(g);
  real *scratch = (real *)run->scratch;
  const int64_t some = dw_rows(g), pitch = copied ? dw_pitch(g) : w.size * g->pixel, reached = line_of(w) * g->c;
  const int64_t row = gd_ceil_div(n, 2 * VL) * dw_panel(g); /* of dy, in pairs */
  conv_windows plain = *g;
  plain.bfloat16 = 0;
  real *pairs = scratch + dw_lines(g) * pitch;
  const int64_t base = strips.run / strips.strips, more = strips.run % strips.strips, cuts = strips.runs / h.taps;
  int64_t a_at[SEGMENTS], b_at[SEGMENTS];
  const int64_t work = 2 * gd_pixels(&g->at) * n * (strips.run / strips.strips) * (hi - lo); /* of an image */
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t r = 0; r < h.windows; r += some) {
      const int64_t rows = gd_min(some, h.windows - r), top = r * h.step + h.first;
      const int64_t lines = (rows - 1) * h.step + (h.taps - 1) * h.apart + 1;
      const real *x = g->x + (image * h.size + top) * w.size * g->pixel + w.first * g->pixel;
      if (copied) {
        for (int64_t y = 0; y < lines; ++y) {
          real *to = scratch + y * pitch;
          if (top + y < 0 || top + y >= h.size) zero(to, reached);
          else copy_line(&plain, w, g->x + (image * h.size + top + y) * w.size * g->pixel, to);
          if (g->bfloat16) zero(to + reached, w.step * g->c), PAIRS.pairs(to, to, w.step * g->c, reached);
        }
        x = scratch;
      }
      const real *dys = dy + (image * h.windows + r) * w.windows * all;
      for (int64_t s = 0; s < rows; ++s) {
        a_at[s] = s * h.step * pitch, b_at[s] = s * (g->bfloat16 ? row : w.windows * all);
        if (g->bfloat16) PAIRS.panels(pairs + s * row, dys + s * w.windows * all, all, 1, w.windows, n);
      }
      for (int64_t u = lo; u < hi; ++u) {
        const int64_t line = u / strips.strips, s = u % strips.strips, first = s * base + gd_min(s, more);
        const gemm_segments product = {
            .m = base + (s < more), .n = n, .k = g->bfloat16 ? gd_ceil_div(w.windows, 2) : w.windows, .segments = rows, .c = dw + (line * strips.run + first) * all,
            .a = x + line / cuts * h.apart * pitch + line % cuts * w.apart * g->c + first, .b = g->bfloat16 ? pairs : dys,
            .c_row = all, .a_row = 1, .a_col = w.step * g->c * (g->bfloat16 ? 2 : 1), .b_row = all, .panel = g->bfloat16 ? dw_panel(g) : 2 * VL,
            .a_at = a_at, .b_at = b_at, .accumulate = image > 0 || r > 0, .pairs = g->bfloat16 == 2,
        };
        GD_NAME(gd_product_segments)(&product);
      }
    }
    if (run->poll && run->poll(run->poller, work)) return;
  }
  if (!images)
    for (int64_t u = lo; u < hi; ++u) {
      const int64_t s = u % strips.strips, first = u / strips.strips * strips.run + s * base + gd_min(s, more);
      for (int64_t i = first; i < first + base + (s < more); ++i)
        for (int64_t j = 0; j < n; ++j) dw[i * all + j] = 0;
    }
}

static void conv_dw_rows(const gd_ins *ins, const gd_run *run, int64_t lo, int64_t hi) {
  const int64_t *a = ins->attr, n = a[N], all = n * a[GROUPS], images = gd_size(ins->dim[0], run->batch);
  const int64_t units = dw_rows_units(ins) / a[GROUPS];
  const conv_windows g = dw_open(ins, (const real *)gd_at(run, ins, 1));
  for (int64_t group = lo / units; group * units < hi; ++group) {
    conv_windows of = g;
    of.x += group * g.c;
    real *dw = (real *)gd_at(run, ins, 0) + group * n;
    const real *dy = (const real *)gd_at(run, ins, 2) + group * n;
    const int64_t first = gd_max(lo - group * units, 0);
    dw_of_rows(&of, run, images, n, all, dw, dy, first, gd_min(hi - group * units, units));
    if (a[CONV_ATTRS] && !first) GD_NAME(gd_column_sums)(dy, all, images * gd_pixels(&g.at), n, (real *)gd_at(run, ins, 3) + group * n);
  }
}
