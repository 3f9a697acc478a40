"""Checks nested YAML with Pydantic; an error is one line: ``file: key: expected ..., found ...``.

Other modules import Pydantic's names from here, so that a missing Pydantic is one line too.
"""

# No annotations from __future__: Pydantic evaluates them, and Python 3.9 has no `X | None`.
from typing import Any, Optional, TypeVar

from engine.system.errors import UserError, nearest

try:
    from pydantic import (
        AfterValidator,
        BaseModel,
        BeforeValidator,
        ConfigDict,
        Field,
        ValidationError,
        ValidationInfo,
        model_validator,
    )
except ImportError as error:
    raise UserError("this command needs Pydantic: pip install 'pydantic>=2'") from error

__all__ = ["AfterValidator", "BeforeValidator", "Entry", "Field", "ValidationInfo"]
__all__ += ["model_validator", "read"]

Kind = TypeVar("Kind", bound=BaseModel)

_EXPECTED = {  # by Pydantic's type of error
    "string_type": "a text",
    "int_type": "an integer",
    "bool_type": "True or False",
    "list_type": "a list",
    "dict_type": "keys and values",
    "too_short": "at least {min_length}",
    "greater_than_equal": "at least {ge}",
    "literal_error": "{expected}",
}


class Entry(BaseModel):
    """A mapping of a YAML file. Its keys are the fields, and no type is converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, content: Any) -> Any:
        if isinstance(content, cls):
            return content
        fields = cls.model_fields
        if not isinstance(content, dict):
            raise ValueError(f"expected keys among {', '.join(fields)}, found {content!r:.60}")
        for key in content:
            if key not in fields:
                raise ValueError(f"unknown key {key}{nearest(str(key), fields)}")
        for name, field in fields.items():
            if field.is_required() and name not in content:
                raise ValueError(f"{name} is not set")
        return content


def read(
    kind: type[Kind], content: Any, place: str, context: Optional[dict[str, Any]] = None
) -> Kind:
    """Returns a part of a YAML file as an object.

    Args:
        kind: the class of the object.
        content: what the YAML contains.
        place: the file, and the key of this part if it has one; for errors.
        context: further values for the validators.

    Raises:
        UserError: the content does not fit the class.
    """
    try:
        return kind.model_validate(content, context=context)
    except ValidationError as errors:
        first = errors.errors(include_url=False)[0]
    values = first.get("ctx", {})
    if first["type"] == "value_error":  # raised by a validator of this project
        problem = str(values["error"])
    elif first["type"] in _EXPECTED:
        expected = _EXPECTED[first["type"]].format(**values)
        problem = f"expected {expected}, found {first['input']!r:.60}"
    else:
        problem = f"{first['msg']}, found {first['input']!r:.60}"
    raise UserError(": ".join([place, *_key(content, first["loc"]), problem]))


def _key(content: Any, location: tuple) -> list[str]:
    """Returns the full key of an error; nothing for the top level.

    Pydantic's locations also have names of classes and of validators.
    """
    parts = []
    for part in location:
        try:
            content = content[part]
        except (IndexError, KeyError, TypeError):
            continue
        parts.append(str(part))
    return [".".join(parts)] if parts else []
