"""YAML read safely: nothing that it names is called, and what nobody can mean is an error.

PyYAML's own constructors raise anything of a value that does not fit its tag, and aliases let a few
lines stand for more than a computer holds. Here all of that is a `yaml.YAMLError`, mostly with a
line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.constructor import ConstructorError

_LARGEST = 1_000_000  # characters, aliases written out
_DEEPEST = 100  # mappings and lists in one another


class _Loader(yaml.SafeLoader):
    """Reads ``1e-3`` as a number, as YAML 1.2 does (1.1 wants ``1.0e-3``).

    Attributes:
        repeated: the keys that stand twice in a mapping, each with its second line.
    """

    def __init__(self, stream: Any):
        super().__init__(stream)
        self.repeated: list[tuple[str, int]] = []

    def fetch_flow_collection_start(self, kind: type) -> None:
        """Goes into a ``[`` or a ``{``, as long as it is not too deep: PyYAML gets slow there."""
        self._check_depth(self.flow_level)
        super().fetch_flow_collection_start(kind)

    def add_indent(self, column: int) -> bool:
        """Goes into a block that is indented, likewise."""
        self._check_depth(len(self.indents))
        return super().add_indent(column)

    def _check_depth(self, depth: int) -> None:
        if depth > _DEEPEST:
            problem = f"more than {_DEEPEST} lists or mappings are in one another"
            raise yaml.scanner.ScannerError(None, None, problem, self.get_mark())

    def get_single_node(self) -> yaml.Node | None:
        """Returns the document's root, of a size that can be handled."""
        node = super().get_single_node()
        if node is not None:
            _extent(node, {})
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Returns what a node stands for; what does not fit its tag is an error with a line."""
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:
            tag = node.tag.replace("tag:yaml.org,2002:", "!!")
            found = repr(node.value) if isinstance(node, yaml.ScalarNode) else "several"
            problem = f"expected a value of {tag}, found {found:.60}: {error}"
            raise _error(problem, node) from error


def load(stream: Any) -> tuple[Any, list[tuple[str, int]]]:
    """Returns what a text or a file says, and the keys that stand twice, with their second lines.

    Raises:
        yaml.YAMLError: it is malformed.
        ValueError: it is no UTF-8.
    """
    try:
        loader = _Loader(stream)
        return loader.get_single_data(), loader.repeated
    except RecursionError as error:
        raise yaml.YAMLError("lists or mappings are too deep in one another") from error


def _error(problem: str, node: yaml.Node) -> ConstructorError:
    return ConstructorError(None, None, problem, node.start_mark)


def _extent(node: yaml.Node, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Returns how many characters a node stands for, aliases written out, and how deep it is."""
    if isinstance(node, yaml.ScalarNode):
        return 1 + len(node.value), 0
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            raise _error("an alias contains itself", node)
        return found
    known[id(node)] = None
    pairs = isinstance(node, yaml.MappingNode)
    parts = [part for pair in node.value for part in pair] if pairs else node.value
    extents = [_extent(part, known) for part in parts]
    size = 1 + sum(size for size, _ in extents)
    depth = 1 + max((depth for _, depth in extents), default=0)
    if size > _LARGEST:
        raise _error(f"what stands here is of more than {_LARGEST} characters", node)
    if depth > _DEEPEST:
        raise _error(f"more than {_DEEPEST} lists or mappings are in one another", node)
    known[id(node)] = size, depth
    return size, depth


def _mapping(loader: _Loader, node: yaml.Node) -> Iterator[dict]:
    made: dict = {}
    yield made
    made.update(_noted(loader, node))


def _noted(loader: _Loader, node: yaml.Node) -> dict:
    """Builds a mapping of the last of keys that stand there twice, and notes them."""
    if not isinstance(node, yaml.MappingNode):
        raise _error("expected keys and values", node)
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _error("expected a key, found a list or a mapping", key)
        if key.value in seen:
            loader.repeated.append((key.value, key.start_mark.line + 1))
        seen.add(key.value)
    return loader.construct_mapping(node)


def _float(loader: _Loader, node: yaml.Node) -> float:
    number = loader.construct_yaml_float(node)
    if math.isinf(number) and "inf" not in node.value.lower():
        raise _error(f"{node.value[:60]} is too large for a number", node)
    return number


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$"),
    list("-+0123456789."),
)
