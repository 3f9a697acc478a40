"""GPU memory and utilisation while a model runs, by NVIDIA's own library."""

from __future__ import annotations

import os
import threading
from typing import Any

_INTERVAL = 0.05  # seconds between two looks


class GpuUsage:
    """Looks at the first GPU from a thread of its own: ``with GpuUsage() as usage``."""

    def __enter__(self) -> GpuUsage:
        self._memory: list[float] = []
        self._busy: list[float] = []
        self._problem = ""
        self._stopped = threading.Event()
        self._library = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._gpu = _first_visible(pynvml)
        except ImportError:
            self._problem = "pip install nvidia-ml-py"
            return self
        except pynvml.NVMLError as error:
            self._problem = str(error)
            return self
        self._library = pynvml
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        if self._library:
            self._thread.join()
            self._library.nvmlShutdown()

    def _look(self) -> None:
        while True:
            try:
                memory = self._library.nvmlDeviceGetMemoryInfo(self._gpu).used
                self._memory.append(memory / 2**20)
                self._busy.append(self._library.nvmlDeviceGetUtilizationRates(self._gpu).gpu)
            except self._library.NVMLError as error:  # a part of a GPU has no utilisation
                self._problem = str(error)
                return
            if self._stopped.wait(_INTERVAL):
                return

    def figures(self) -> dict[str, Any]:
        """Returns peak memory in 2^20 bytes and mean utilisation in percent."""
        memory, busy = self._memory, self._busy
        missing = f"not measured: {self._problem}"
        return {
            "gpu_rss(MB)": round(max(memory), 1) if memory else missing,
            "gpu_util(%)": round(sum(busy) / len(busy), 1) if busy else missing,
        }


def _first_visible(library: Any) -> Any:
    """Returns the GPU that CUDA counts as its first; NVML counts all of the machine's."""
    name = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip() or "0"
    if name.isdigit():
        return library.nvmlDeviceGetHandleByIndex(int(name))
    return library.nvmlDeviceGetHandleByUUID(name)
