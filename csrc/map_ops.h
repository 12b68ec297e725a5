/* map_ops.h: the elementwise operations, name by name, grouped by what they take. The index in
 * GD_MAP_OPS is the operation code that gdcore/graph/passes/lower.py writes into a plan. */
#ifndef GD_MAP_OPS_H
#define GD_MAP_OPS_H

/* of a few instructions, whose loops are unrolled; and of so many that they fill a core's window by themselves */
#define GD_SHORT_OPS(X)                                                                  \
  X(identity) X(neg) X(abs) X(sign) X(sqrt) X(square) X(reciprocal) X(floor) X(round)    \
  X(relu) X(softsign) X(hard_sigmoid) X(hard_swish)
#define GD_LONG_OPS(X)                                                                   \
  X(exp) X(expm1) X(log) X(log1p) X(sin) X(cos) X(erf) X(tanh) X(sigmoid) X(gelu)        \
  X(gelu_tanh) X(silu) X(softplus) X(mish) X(tan) X(arcsin) X(arccos) X(arctan) X(sinh)  \
  X(cosh) X(arcsinh) X(arccosh) X(arctanh)
#define GD_UNARY_OPS(X) GD_SHORT_OPS(X) GD_LONG_OPS(X)

/* of one operand and a number that the plan brings along */
#define GD_NUMBERED_OPS(X) X(leaky_relu) X(elu)

#define GD_SHORT_BINARY_OPS(X)                                                           \
  X(add) X(sub) X(mul) X(div) X(maximum) X(minimum) X(equal) X(not_equal) X(less)        \
  X(less_equal)
#define GD_LONG_BINARY_OPS(X) X(pow) X(arctan2)
#define GD_BINARY_OPS(X) GD_SHORT_BINARY_OPS(X) GD_LONG_BINARY_OPS(X)

#define GD_MAP_OPS(X) \
  GD_UNARY_OPS(X) GD_NUMBERED_OPS(X) GD_BINARY_OPS(X) X(where) X(random_uniform)

#endif
