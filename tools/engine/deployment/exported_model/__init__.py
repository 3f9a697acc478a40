"""The files of an exported model: graph, parameters, metadata, and the conversion to ONNX.

`engine.deployment.export` writes these files from a checkpoint.
"""
