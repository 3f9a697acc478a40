"""GPU memory and utilisation while a model runs, by NVIDIA's own library."""

from __future__ import annotations

import threading
from typing import Any

_INTERVAL = 0.05  # seconds between two looks


class GpuUsage:
    """Looks at the first GPU from a thread of its own: ``with GpuUsage() as usage``."""

    def __enter__(self) -> GpuUsage:
        self._memory: list[float] = []
        self._busy: list[float] = []
        self._stopped = threading.Event()
        try:
            import pynvml
        except ImportError:
            self._library = None
            return self
        self._library = pynvml
        pynvml.nvmlInit()
        self._gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
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
            memory = self._library.nvmlDeviceGetMemoryInfo(self._gpu).used
            self._memory.append(memory / 2**20)
            self._busy.append(self._library.nvmlDeviceGetUtilizationRates(self._gpu).gpu)
            if self._stopped.wait(_INTERVAL):
                return

    def figures(self) -> dict[str, Any]:
        """Returns peak memory in 2^20 bytes and mean utilisation in percent."""
        if not self._library:
            return {"gpu_rss(MB)": "not measured: pip install nvidia-ml-py"}
        return {
            "gpu_rss(MB)": round(max(self._memory), 1),
            "gpu_util(%)": round(sum(self._busy) / len(self._busy), 1),
        }
