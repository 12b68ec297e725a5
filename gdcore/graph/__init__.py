"""The graph: values and ops, and the passes that turn them into a plan."""
