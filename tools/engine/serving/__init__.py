"""An exported model over HTTP: the Open Inference Protocol (KServe v2) in JSON."""
