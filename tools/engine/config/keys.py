"""Which keys a configuration may have, and what to say of one that it may not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from engine.config.runner_keys import RUNNER

# PaddleRec's keys that nothing here reads, each with the reason.
WITHOUT_EFFECT = {
    "runner.num_workers": "one thread reads the rows",
    "runner.thread_num": "one thread reads the rows",
    "runner.infer_thread_num": "one thread reads the rows",
    "runner.preload_thread": "one thread reads the rows",
    "runner.pipe_command": "readers run inside the command",
    "runner.dataset_debug": "readers run inside the command",
    "runner.parse_ins_id": "readers run inside the command",
    "runner.parse_content": "readers run inside the command",
    "runner.split_file_list": "each process takes its share of the rows",
    "runner.geo_step": "parameter servers train with async only",
    "runner.need_dump": "nothing is dumped",
    "runner.dump_fields": "nothing is dumped",
    "runner.dump_fields_path": "nothing is dumped",
    "runner.dump_param": "nothing is dumped",
    "runner.use_xpu": "a run takes a CPU or a GPU",
    "runner.use_npu": "a run takes a CPU or a GPU",
    "runner.pure_bf16": "training computes in float32",
    "hyper_parameters.optimizer.strategy": "runner.sync_mode selects how parameter servers train",
}
_SIMILAR = 0.75  # difflib's ratio from which a name is near another
_VERY_SIMILAR = 0.9  # the same for full keys in a section that does not exist


def known_keys(declared: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns all keys with their defaults.

    Args:
        declared: the model's hyper-parameters with their defaults; None if it declares none.
    """
    known = {f"runner.{name}": key.default for name, key in RUNNER.items()}
    known.update({f"hyper_parameters.{name}": value for name, value in (declared or {}).items()})
    return known


def blocks(known: Mapping[str, Any]) -> list[str]:
    """Returns the keys whose values are mappings, which stay whole: their default is one."""
    return [key for key, default in known.items() if isinstance(default, Mapping)]


def without_effect(config: Mapping[str, Any]) -> dict[str, str]:
    """Returns the keys of a configuration that only PaddleRec has a use for, with the reasons."""
    found = {key: reason for key, reason in WITHOUT_EFFECT.items() if key in config}
    if config.get("runner.use_auc") is False:
        found["runner.use_auc"] = "metrics restart in every epoch"
    return found


def section_of(key: str, known: Iterable[str]) -> str:
    """Returns a key of the section that ``key`` names; '' if it names none."""
    return next((name for name in known if name.startswith(f"{key}.")), "")


def owner_of(key: str, known: Iterable[str]) -> str:
    """Returns the known key that ``key`` would be inside of, such as ``a.b`` for ``a.b.c``."""
    return next((name for name in known if key.startswith(f"{name}.")), "")


def unknown(key: str, known: Iterable[str]) -> str:
    """Returns the problem with an unknown key, and the key that was probably meant."""
    owner = owner_of(key, known)
    if owner:
        return f"{owner} has no keys: expected one value, found the key {key[len(owner) + 1 :]}"
    near = _nearest(key, list(known))
    return f"unknown key {key}" + (f"; did you mean '{near}'?" if near else "")


def _nearest(key: str, known: list[str]) -> str:
    """Returns the known key that was probably meant; '' if none is near.

    Sections are alike, so only the names are compared, within one section. A name may also be right
    and its section wrong.
    """
    section, _, name = key.rpartition(".")
    sections = [each.partition(".")[0] for each in known]
    if not section and difflib.get_close_matches(name, sections, n=1, cutoff=_SIMILAR):
        return difflib.get_close_matches(name, sections, n=1)[0]
    same = [each for each in known if each.rpartition(".")[2] == name]
    if len(same) == 1:
        return same[0]
    beside = {each.rpartition(".")[2]: each for each in known if each.rpartition(".")[0] == section}
    match = difflib.get_close_matches(name, sorted(beside), n=1, cutoff=_SIMILAR)
    if beside:
        return beside[match[0]] if match else ""
    match = difflib.get_close_matches(key, sorted(known), n=1, cutoff=_VERY_SIMILAR)
    return match[0] if match else ""
