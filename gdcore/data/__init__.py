"""Data sets: arrays, frames and sparse rows, validated; the order of samples; reading ahead from disk."""
