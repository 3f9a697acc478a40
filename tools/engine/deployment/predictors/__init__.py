"""Predictors: run an exported model with Paddle Inference or ONNX Runtime, on NumPy arrays.

`engine.deployment.inference` reads the rows and measures the time.
"""
