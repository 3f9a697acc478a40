"""PaddleRec's parameter names of ple."""

from __future__ import annotations

from models.common.paddlerec.translation import (
    Names,
    Place,
    check_depth,
    experts_and_gates,
    towers,
)

_FIRST = "levels.0.inputs.0"


def _used_places(net) -> list[Place]:
    """Returns the places of the experts that PaddleRec's net uses.

    Of all experts it takes number ``i * task_num + j`` as the j-th expert of task i.
    """
    own = net.task_num * net.exp_per_task
    used = [
        task * net.task_num + expert
        for task in range(net.task_num)
        for expert in range(net.exp_per_task)
    ]
    names = _expert_names(net)
    if used[-1] >= len(names):
        raise ValueError(
            f"PaddleRec's PLE does not run with task_num = {net.task_num}, exp_per_task = "
            f"{net.exp_per_task}, shared_num = {net.shared_num}: it needs expert {used[-1]}"
        )
    return _places(net, [names[number] for number in used] + names[own:])


def _expert_names(net) -> list[str]:
    own = [(task, n) for task in range(net.task_num) for n in range(net.exp_per_task)]
    names = [f"lev_0.lev_0_exp_{task}_{n}" for task, n in own]
    return names + [f"lev_0.lev_0_exp_shared_{n}" for n in range(net.shared_num)]


def _places(net, experts: list[str]) -> list[Place]:
    level = net.levels[0]
    layers = {"tower_size": len(net.towers.hidden.layers), **level.depth()}
    check_depth(level_number=len(net.levels), **layers)
    gates = [f"lev_0.lev_0_gate_{task}" for task in range(net.task_num)]
    sizes = level.out_size, net.exp_per_task + net.shared_num
    return experts_and_gates(_FIRST, experts, gates, *sizes) + towers(net.task_num)


NAMES = Names(
    _used_places,
    first_layers=[_FIRST],
    unused=lambda net: _places(net, _expert_names(net)),
)
