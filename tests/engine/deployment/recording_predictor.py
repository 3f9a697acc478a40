"""Stand-ins for Paddle's configuration and predictor that record their calls."""

import os

import numpy as np
from paddle import inference


class RecordingConfig:
    """Records the calls and forwards them to Paddle's configuration."""

    real = inference.Config
    gpu_starts = True

    def __init__(self, *files):
        self._config = self.real(*files)
        self.calls = {}

    def __getattr__(self, name):
        method = getattr(self._config, name)

        def call(*arguments, **named):
            self.calls[name] = (*arguments, *named.values())
            try:
                answer = method(*arguments, **named)
            except RuntimeError as error:  # arguments that do not fit are a TypeError
                if "compile with" not in str(error):
                    raise
                answer = None
            if name == "use_gpu":
                return self.gpu_starts and "enable_use_gpu" in self.calls
            if name == "tensorrt_engine_enabled":
                return "enable_tensorrt_engine" in self.calls
            return answer

        return call


class Handle:
    def __init__(self, predictor, name):
        self.predictor, self.name = predictor, name

    def copy_from_cpu(self, array):
        assert array.flags.c_contiguous
        self.predictor.fed[self.name] = (array.shape, str(array.dtype))

    def copy_to_cpu(self):
        rows = self.predictor.fed["input"][0][0]
        return np.full([rows, 2], 0.5, "float32")


class RecordingPredictor:
    """Runs nothing; records when it is created, run and deleted."""

    def __init__(self, config, events):
        self.config, self.events, self.fed = config, events, {}
        shapes = config.calls.get("enable_tuned_tensorrt_dynamic_shape", [None])[0]
        self.events.append(
            ("created", config.calls, shapes and os.path.isdir(os.path.dirname(shapes)))
        )

    def get_input_names(self):
        return ["ids", "input"]  # not in the model's order

    def get_output_names(self):
        return ["out"]

    def get_input_handle(self, name):
        return Handle(self, name)

    get_output_handle = get_input_handle

    def run(self):
        self.events.append(("run", dict(self.fed)))

    def __del__(self):
        self.events.append(("deleted",))
