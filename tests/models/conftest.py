"""Every test starts in dygraph and from one seed, whatever the one before it left behind."""

import paddle
import pytest


@pytest.fixture(autouse=True)
def _start():
    paddle.disable_static()
    paddle.seed(12345)
