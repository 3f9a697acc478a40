"""PaddleRec's parameter names of share_bottom."""

from __future__ import annotations

from models.common.paddlerec.translation import Names, Place, check_depth, columns, towers


def _places(net) -> list[Place]:
    bottom, hidden = net.bottom.layers, net.towers.hidden.layers
    check_depth(bottom_size=len(bottom), tower_size=len(hidden))
    size = bottom[0].weight.shape[1]
    return columns("bottom", "bottom.layers.0", 0, size) + towers(net.task_num)


NAMES = Names(_places, first_layers=["bottom.layers.0"])
