/* map_ops.h: the elementwise operations, name by name, grouped by what they take. The index in
 * GD_MAP_OPS is the operation code that gdcore/graph/passes/lower.py writes into a plan. */
#ifndef GD_MAP_OPS_H
#define GD_MAP_OPS_H

#define GD_UNARY_OPS(X)                                                                   \
  X(identity) X(neg) X(abs) X(sign) X(exp) X(expm1) X(log) X(log1p) X(sqrt) X(square)     \
  X(reciprocal) X(sin) X(cos) X(floor) X(round) X(erf) X(tanh) X(sigmoid) X(relu) X(gelu) \
  X(gelu_tanh) X(silu) X(softplus) X(softsign) X(hard_sigmoid) X(hard_swish) X(mish)   \
  X(tan) X(arcsin) X(arccos) X(arctan) X(sinh) X(cosh) X(arcsinh) X(arccosh) X(arctanh)

/* of one operand and a number that the plan brings along */
#define GD_NUMBERED_OPS(X) X(leaky_relu) X(elu)

#define GD_BINARY_OPS(X)                                                                  \
  X(add) X(sub) X(mul) X(div) X(pow) X(maximum) X(minimum) X(equal) X(not_equal) X(less)  \
  X(less_equal) X(arctan2)

#define GD_MAP_OPS(X) \
  GD_UNARY_OPS(X) GD_NUMBERED_OPS(X) GD_BINARY_OPS(X) X(where) X(random_uniform)

#endif
