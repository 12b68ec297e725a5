"""The passes: each turns a graph, or what the pass before it handed on, into the next form."""
