"""Engines: what stands behind a model. Traced network, store of numbers, planned steps."""
