"""Training and what is asked of a trained network: fit, evaluate, predict, L-BFGS, resuming."""
