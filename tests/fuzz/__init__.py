"""Readers of files fed with what no honest program writes, guided by the lines that they reach.

``python -m tests.fuzz --seconds 60 --target onnx`` from the project's folder; without a target, all.
"""
