"""The loops over data: fit, evaluate, predict, L-BFGS, and resuming from a checkpoint."""
