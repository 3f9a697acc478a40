"""Tests of results start in dygraph, whatever the one before left behind."""

import paddle
import pytest


@pytest.fixture(autouse=True)
def _start():
    paddle.disable_static()
