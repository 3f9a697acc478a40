"""Measures GPU memory and utilisation with NVIDIA's management library, NVML."""

from __future__ import annotations

import os
import threading
from typing import Any

_INTERVAL = 0.05  # seconds between two samples


class GpuUsage:
    """Samples the first visible GPU in a background thread: ``with GpuUsage() as usage``.

    Without NVML the summary says what is missing; no error is raised.
    """

    def __enter__(self) -> GpuUsage:
        self._memory: list[float] = []
        self._utilisation: list[float] = []
        self._problem = ""
        self._stopped = threading.Event()
        self._library = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._gpu = _first_visible_gpu(pynvml)
        except ImportError:
            self._problem = "pip install nvidia-ml-py"
            return self
        except pynvml.NVMLError as error:
            self._problem = str(error)
            return self
        self._library = pynvml
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        if self._library:
            self._thread.join()
            self._library.nvmlShutdown()

    def _sample(self) -> None:
        library = self._library
        while True:
            try:
                self._memory.append(library.nvmlDeviceGetMemoryInfo(self._gpu).used / 2**20)
                utilisation = library.nvmlDeviceGetUtilizationRates(self._gpu).gpu
                self._utilisation.append(utilisation)
            except library.NVMLError as error:  # e.g. a MIG instance has no utilisation
                self._problem = str(error)
                return
            if self._stopped.wait(_INTERVAL):
                return

    def summary(self) -> dict[str, Any]:
        """Returns peak memory in MiB and mean utilisation in percent."""
        memory, utilisation = self._memory, self._utilisation
        missing = f"not measured: {self._problem}"
        mean = round(sum(utilisation) / len(utilisation), 1) if utilisation else missing
        return {
            "gpu_rss(MB)": round(max(memory), 1) if memory else missing,
            "gpu_util(%)": mean,
        }


def _first_visible_gpu(library: Any) -> Any:
    """Returns the handle of CUDA's first GPU; NVML numbers all GPUs of the machine."""
    name = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip() or "0"
    if name.isascii() and name.isdigit():
        return library.nvmlDeviceGetHandleByIndex(int(name))
    return library.nvmlDeviceGetHandleByUUID(name)
