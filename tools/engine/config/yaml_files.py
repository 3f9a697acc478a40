"""Reads YAML from untrusted files: no Python objects, no unbounded sizes, YAML 1.2's scalars.

PyYAML raises arbitrary exceptions for values that do not fit their tag, and aliases let a few lines
expand beyond any memory. Here both are a `yaml.YAMLError`, with a line where one is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from engine.config import yaml_scalars
from engine.system.errors import UserError

_MAX_CHARACTERS = 1_000_000  # after aliases are expanded
_MAX_DEPTH = 100  # levels of lists and mappings
_TOO_DEEP = f"lists or mappings are nested more than {_MAX_DEPTH} levels deep"


def read(path: str) -> tuple[Any, list[tuple[str, int]]]:
    """Reads a YAML file; returns what `load` returns.

    Raises:
        UserError: the file cannot be read, or is malformed; the message names the line if known.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            return load(file)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        place = f"{path}, line {_first_line_not_utf8(path)}"
        raise UserError(f"{place}: expected text in UTF-8: save the file as UTF-8") from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{place}: {getattr(error, 'problem', None) or error}") from error


def _first_line_not_utf8(path: str) -> int:
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        escaped = (any("\udc80" <= character <= "\udcff" for character in line) for line in file)
        return next(number for number, found in enumerate(escaped, 1) if found)


def load(stream: Any) -> tuple[Any, list[tuple[str, int]]]:
    """Parses a YAML text or file.

    Returns:
        The content, and each key that occurs twice in a mapping, with the line where it recurs.
        The content has the last value of such a key.

    Raises:
        yaml.YAMLError: the YAML is malformed, nested too deeply or too large.
        ValueError: the file is not UTF-8.
    """
    try:
        loader = _Loader(stream)
        return loader.get_single_data(), loader.repeated
    except RecursionError as error:
        raise yaml.YAMLError(_TOO_DEEP) from error


def place(path: str, key: str) -> str:
    """Returns ``path, line N`` for a key of a configuration file; the path if it is not found."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            line = _line(_Loader(file).get_single_node(), key)
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        line = None  # the file has changed since it was read
    return f"{path}, line {line}" if line else path


def _line(node: yaml.Node | None, key: str) -> int | None:
    """Returns the line of a full key below a node; None if it is not there."""
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if name.value == key:
            return name.start_mark.line + 1
        if isinstance(name.value, str) and key.startswith(f"{name.value}."):
            line = _line(value, key[len(name.value) + 1 :])
            if line:
                return line
    return None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with limits, and with a line in every error.

    Attributes:
        repeated: each key that occurs twice in a mapping, with the line where it recurs.
    """

    def __init__(self, stream: Any):
        super().__init__(stream)
        self.repeated: list[tuple[str, int]] = []

    def fetch_flow_collection_start(self, kind: type) -> None:
        """Starts a ``[`` or ``{`` unless it is nested too deeply, where PyYAML becomes slow."""
        self._check_depth(self.flow_level)
        super().fetch_flow_collection_start(kind)

    def add_indent(self, column: int) -> bool:
        """Starts an indented block unless it is nested too deeply."""
        self._check_depth(len(self.indents))
        return super().add_indent(column)

    def _check_depth(self, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise yaml.scanner.ScannerError(None, None, _TOO_DEEP, self.get_mark())

    def get_single_node(self) -> yaml.Node | None:
        """Returns the document's root after a check of its expanded size."""
        node = super().get_single_node()
        if node is not None:
            _measure(node, {})
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Returns a node's value; a value that does not fit its tag is an error with a line."""
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # whatever PyYAML's constructor of the tag raises
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            found = repr(node.value) if isinstance(node, yaml.ScalarNode) else "several values"
            problem = f"expected a value of {tag}, found {found:.60}: {error}"
            raise _error(problem, node) from error


def _error(problem: str, node: yaml.Node) -> ConstructorError:
    return ConstructorError(None, None, problem, node.start_mark)


def _measure(node: yaml.Node, extents: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Returns the number of characters of a node, with aliases expanded, and its depth.

    Args:
        node: the node.
        extents: the result of each node that is already measured; None while its parts are.
    """
    if isinstance(node, yaml.ScalarNode):
        return 1 + len(node.value), 0
    if id(node) in extents:
        extent = extents[id(node)]
        if extent is None:
            raise _error("an alias contains itself", node)
        return extent
    extents[id(node)] = None
    is_mapping = isinstance(node, yaml.MappingNode)
    parts = [part for pair in node.value for part in pair] if is_mapping else node.value
    measured = [_measure(part, extents) for part in parts]
    size = 1 + sum(size for size, _ in measured)
    depth = 1 + max((depth for _, depth in measured), default=0)
    if size > _MAX_CHARACTERS:
        raise _error(f"this is more than {_MAX_CHARACTERS} characters with aliases expanded", node)
    if depth > _MAX_DEPTH:
        raise _error(_TOO_DEEP, node)
    extents[id(node)] = size, depth
    return size, depth


def _construct_mapping(loader: _Loader, node: yaml.Node) -> Iterator[dict]:
    mapping: dict = {}
    yield mapping  # PyYAML fills it afterwards, so that aliases can refer to it
    if not isinstance(node, yaml.MappingNode):
        raise _error("expected keys and values", node)
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _error("expected a key, found a list or a mapping", key)
        if key.value in seen:
            loader.repeated.append((key.value, key.start_mark.line + 1))
        seen.add(key.value)
    mapping.update(loader.construct_mapping(node))


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_mapping)
yaml_scalars.apply_core_schema(_Loader)
