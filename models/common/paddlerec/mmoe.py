"""PaddleRec's parameter names of mmoe."""

from __future__ import annotations

from models.common.paddlerec.translation import (
    Names,
    Place,
    check_depth,
    experts_and_gates,
    towers,
)

_FIRST = "experts.inputs.0"


def _places(net) -> list[Place]:
    group = net.experts
    check_depth(tower_size=len(net.towers.hidden.layers), **group.depth())
    experts = [f"expert_{number}" for number in range(group.expert_num)]
    gates = [f"gate_{number}" for number in range(net.task_num)]
    sizes = group.out_size, group.expert_num
    return experts_and_gates(_FIRST, experts, gates, *sizes) + towers(net.task_num)


NAMES = Names(_places, first_layers=[_FIRST])
