"""Data as the engine takes it: arrays, sparse rows, targets, order of samples, reading ahead."""
