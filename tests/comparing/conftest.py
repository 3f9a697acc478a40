"""Each test of results starts in dygraph."""

import paddle
import pytest


@pytest.fixture(autouse=True)
def _start():
    paddle.disable_static()
