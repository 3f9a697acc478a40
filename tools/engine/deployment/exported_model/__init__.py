"""The files of an exported model: their metadata, inputs and outputs, and the conversion to ONNX.

What writes an export from a checkpoint lives in `engine.deployment.export`.
"""
