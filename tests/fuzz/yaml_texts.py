"""Targets `yaml`, `options` and `blocks`: YAML files, `-o`, and nested hyper-parameters."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import re
from unittest import mock

import core_schema
from fuzz_guard import FaultError, put, refusal, watched

from datasets.readers.labels.declarations import labels_of
from datasets.readers.sparse_fields import fields_of
from datasets.readers.table.columns import table_of
from engine import command_line
from engine.config import listing
from engine.config.config import Config
from engine.config.load import load_config
from engine.config.runner_key import PATHS
from engine.config.runner_keys import RUNNER
from engine.system.errors import UserError
from models.common.tasks.declaration import tasks_of

DECLARED = {
    "expert_num": 8,
    "rate": 0.5,
    "scaled": True,
    "name": "classic",
    "sizes": [16, 8],
    "optimizer.class": "adam",
    "tasks": None,
    "sparse_fields": None,
    **{f"table.{key}": None for key in ("labels", "dense", "sparse", "missing", "delimiter")},
}
# Texts that YAML takes for one unquoted scalar.
_PLAIN = re.compile(r"[A-Za-z0-9._:+-]*[A-Za-z0-9._+]")
BASE = b"""\
runner:
  train_data_dir: data/train
  train_batch_size: 4
  epochs: 2
hyper_parameters: {expert_num: 8, rate: 0.5, name: classic, sizes: [16, 8]}
"""


def check_yaml(content: bytes, declared: bool) -> None:
    """A YAML is read by the core schema, or refused with an error that names it."""
    with watched("yaml") as folder:
        path = put(folder, "config.yaml", content)
        try:
            config = load_config(path, (), lambda _: DECLARED if declared else None)
        except UserError as error:
            refusal(error, len(content), path)
            return
        expected = {}
        _flatten(core_schema.tree(content), "", expected)
        for key, value in expected.items():
            _compare(key, config.get(key), value)
        _use(config, len(content))


def _flatten(tree: dict, prefix: str, values: dict) -> None:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            _flatten(value, f"{prefix}{key}.", values)
        else:
            values[f"{prefix}{key}"] = value


def _compare(key: str, found: object, expected: object) -> None:
    # The first two are set by the engine; the sections are left out if they are empty.
    if key in ("config_abs_dir", "yaml_path", "runner", "hyper_parameters"):
        return
    if not core_schema.same(found, expected):
        raise FaultError(f"{key}: expected {expected!r}, found {found!r}")


def _use(config: Config, length: int) -> None:
    """Uses a configuration as every command, readers and models do.

    Args:
        config: the configuration.
        length: the characters of the input.
    """
    for name in RUNNER:
        with contextlib.suppress(UserError):
            value = config.runner(name)
            if isinstance(value, str) and RUNNER[name].kind in PATHS:
                os.path.exists(value)
                os.fsencode(value)
    stream = io.StringIO()
    logger = logging.Logger("fuzz", logging.INFO)
    logger.addHandler(logging.StreamHandler(stream))
    with mock.patch.object(listing, "logger", logger):
        listing.log_config(config)
    if len(stream.getvalue()) > 10_000_000:  # a YAML expands to a million characters at most
        raise FaultError(f"a log of {len(stream.getvalue())} characters")
    check_blocks_of(config, length)


def check_blocks_of(config, length: int) -> None:
    """Readers and models accept their nested hyper-parameters, or name the key in an error."""
    for read in (table_of, fields_of, tasks_of, lambda config: labels_of(config, "ab")):
        try:
            read(config)
        except ValueError as error:
            refusal(error, length, "hyper_parameters.")


def check_blocks(values: dict) -> None:
    """Any structure in place of a table, sparse fields or tasks."""
    with watched("blocks"):
        flat = {f"hyper_parameters.{key}": value for key, value in values.items()}
        check_blocks_of(flat, len(repr(values)))


def check_options(texts: list[str]) -> None:
    """`-o` sets a value of the right type, or is refused with one line."""
    with watched("options") as folder:
        path = put(folder, "config.yaml", BASE)
        length = sum(map(len, texts))
        errors = io.StringIO()
        try:
            with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
                parsed = command_line.parser("fuzzed").parse_args(["-m", path, "-o", *texts])
        except SystemExit as end:
            line = errors.getvalue()
            if end.code not in (0, 2) or (end.code == 2 and not line.startswith("error: ")):
                raise FaultError(f"exit code {end.code}: {line[:200]}") from end
            return
        try:
            config = load_config(parsed.config_yaml, parsed.opt, lambda _: DECLARED)
        except UserError as error:
            refusal(error, length)
            return
        last = dict(text.partition("=")[::2] for text in parsed.opt)
        for key, text in last.items():
            _compare_option(key, text, config.get(key))
        _use(config, length)


def _compare_option(key: str, text: str, found: object) -> None:
    kind = RUNNER[key[7:]].kind if key.startswith("runner.") and key[7:] in RUNNER else None
    current = DECLARED.get(key.partition(".")[2])
    if kind in ("text", *PATHS) and not (kind == "paths" and text.startswith("[")):
        expected = None if found is None else text
    elif isinstance(current, str):
        expected = text
    elif not _PLAIN.fullmatch(text):
        expected = core_schema.ANY
    else:
        expected = core_schema.scalar(text)
        if type(current) is float and type(expected) is int:
            expected = float(expected)
    _compare(key, found, expected)
    if kind == "int" and found is not None and type(found) is not int:
        raise FaultError(f"{key}={text!r} became {found!r}")
    if type(current) is float and (
        type(found) is not float or math.isinf(found) != ("inf" in text.lower())
    ):
        raise FaultError(f"{key}={text!r} became {found!r}")


def yaml_of_bytes(data: bytes) -> None:
    """Checks bytes; the first one decides whether the model declares its keys."""
    if data:
        check_yaml(data[1:], bool(data[0] & 1))


def options_of_bytes(data: bytes) -> None:
    """Checks bytes as texts after `-o`, one per line."""
    text = data.decode("utf-8", "surrogateescape")  # as Python decodes a command line
    if "\0" not in text:  # a command line cannot contain it
        check_options(text.split("\n"))


TOKENS = [b"&a ", b"*a", b"<<: ", b"!!python/object/apply:os.system [x]", b"!!bool ", b"!!int "]
TOKENS += [
    b"!!timestamp ",
    b"!!float ",
    b"!!map ",
    b"!!set ",
    b"!!omap ",
    b"!!binary ",
    b"? ",
    b": ",
]
TOKENS += [b"- ", b"[", b"]", b"{", b"}", b"\n", b"  ", b"\t", b"1e400", b".inf", b".nan", b"---"]
TOKENS += [b"runner:", b"hyper_parameters:", b'"\\0"', b'"\\ud800"', b"|", b">", b"%YAML 1.1", b"~"]
TOKENS += [b"tasks:", b"sparse_fields:", b"table:", b"labels:", b"dense:", b"sparse:", b"share:"]
TOKENS += [b"name:", b"label_column:", b"size:", b"max_len:", b"fill:", b"2001-01-01", b"1:30"]
TOKENS += [b"012", b"0o17", b"0x1f", b"0b1", b"1_000", b"yes", b"off", b"=", b"1e-3", b"+5"]
OPTIONS = [b"runner.epochs=", b"hyper_parameters.rate=", b"hyper_parameters.name=", b"=", b".."]
OPTIONS += [b"hyper_parameters.expert_num=", b"hyper_parameters.sizes=", b"runner.init_scope="]
OPTIONS += [f"runner.{name}=".encode() for name in RUNNER]


def yaml_seeds() -> list[bytes]:
    """Configurations, malformed YAML, and scalars that YAML 1.1 and 1.2 read differently."""
    blocks = b"""\
hyper_parameters:
  tasks: [{name: a, label_column: 0, weight: 1.0, rows: b}, {name: b, label_column: 1}]
  sparse_fields: [{name: x, size: 5, max_len: 2, pooling: sum}, {name: y, size: 5, share: x}]
  table: {labels: [y], dense: [d, {name: e, fill: 1}], sparse: [{name: c, separator: "|"}]}
"""
    laughs = b"a: &a [x, x]\n" + b"".join(
        b"%c: &%c [*%c, *%c, *%c, *%c]\n" % (after, after, *4 * [before])
        for before, after in zip(b"abcdefghijk", b"bcdefghijkl")
    )
    merged = laughs.replace(b"[x, x]", b"{x: 1}").replace(b"&a [", b"&a {")
    texts = [BASE, blocks, laughs, merged, b"", b"---\n...\n", b"a: &a [*a]", b"a: &a {b: *a}"]
    texts += [b"a: !!python/object/apply:os.system [touch x]", b"? [1, 2]\n: 3", b"a: !!bool x"]
    texts += [
        b"a: 1\na: 2",
        b"1: a\n'1': b",
        b"a:\n\tb: 1",
        b"<<: &a {<<: *a}",
        b"a: !!timestamp x",
    ]
    texts += [b"a: 1e400", b"a.b: 1\na: {b: 2}", b"a: !!map 3", b"1: !!int"]
    scalars = [b"1:30", b"012", b"0o17", b"0x1f", b"0b1", b"1_000", b"no", b"2026-01-31", b"1e-3"]
    texts += [b"hyper_parameters: {a: %s, 'b': '%s'}" % (text, text) for text in scalars]
    return [first + text for first in (b"\0", b"\1") for text in texts]


def option_seeds() -> list[bytes]:
    """Valid and invalid overrides of each type."""
    texts = [
        "runner.epochs=3",
        "runner.epochs=1e400",
        "runner.use_gpu=null",
        "epochs",
        "=1",
        "a..b=1",
    ]
    texts += [
        "hyper_parameters.rate=1",
        "hyper_parameters.rate=1e400",
        "hyper_parameters.rate=.inf",
    ]
    texts += ["hyper_parameters.sizes=[1,[2]]", "hyper_parameters.sizes={a: 1}", "runner.seed=-1"]
    texts += ["hyper_parameters.expert_num=1\nhyper_parameters.expert_num=[4]", "runner.epochs=1=2"]
    texts += ["runner.epochs=1:30", "runner.seed=012", "runner.seed=1_000", "runner.shuffle=no"]
    texts += ["hyper_parameters.sizes=&a [*a]", "hyper_parameters.name=&a [*a]", "-h", "--x", "-m"]
    texts += ["hyper_parameters.expert_num=" + "9" * 5000, "hyper_parameters.sizes=" + "[" * 2000]
    return [text.encode() for text in texts]
