"""Every test starts in dygraph, whichever graph the one before it left on."""

import paddle
import pytest


@pytest.fixture(autouse=True)
def _dygraph():
    paddle.disable_static()
