"""Predictors: an exported model run by Paddle Inference or ONNX Runtime, arrays in and arrays out.

Reading rows and measuring time live in `engine.deployment.inference`.
"""
