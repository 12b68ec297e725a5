"""The engine of a model: its traced network, the store of its parameters, its planned steps."""
