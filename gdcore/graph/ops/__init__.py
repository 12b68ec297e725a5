"""The ops, one file for each family: shape rules, gradient rules, float64 references, samples."""
