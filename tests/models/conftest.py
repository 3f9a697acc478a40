"""Every test starts from one seed."""

import paddle
import pytest


@pytest.fixture(autouse=True)
def _start():
    paddle.seed(12345)
