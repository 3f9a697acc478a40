"""What a column of times gives: ``derive`` and its keys, of dense and sparse columns."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from zoneinfo import ZoneInfo

from datasets.readers import checks

CATEGORIES, NUMBERS = ("hour", "weekday"), ("age",)  # under sparse, and under dense
UNITS = ("s", "ms", "us")
AGE_UNITS = ("years", "days")


@dataclass(frozen=True)
class Derived:
    """What is computed from a column of times.

    Attributes:
        of: the column of the files.
        what: ``hour`` (0 to 23), ``weekday`` (0 is Monday) or ``age``.
        unit: the unit of integers since 1970; None for other times.
        timezone: the time zone of hours and weekdays of instants: of integers, and of times with an
            offset. Other times stay as they are.
        until: the date, or the column, at which an age is counted.
        age_unit: the unit of an age.
    """

    of: str
    what: str
    unit: str | None = None
    timezone: str = "UTC"
    until: str | None = None
    age_unit: str = "years"

    @property
    def name(self) -> str:
        """The name of the new column."""
        return f"{self.of}_{self.what}"

    @property
    def until_date(self) -> datetime.datetime | None:
        """The date at which an age is counted; None if ``until`` is a column."""
        try:
            return datetime.datetime.fromisoformat(self.until or "")
        except ValueError:
            return None

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the files that it reads."""
        is_column = self.until is not None and self.until_date is None
        return (self.of, self.until) if is_column else (self.of,)

    @property
    def meaning(self) -> dict[str, Any]:
        """The settings as JSON."""
        return asdict(self)

    def check(self, place: str) -> None:
        """Raises a ValueError if a setting cannot be used.

        Args:
            place: the full key of the column.
        """
        if self.unit is not None:
            checks.choice(f"{place}: unit", self.unit, UNITS)
        checks.choice(f"{place}: age_unit", self.age_unit, AGE_UNITS)
        try:
            ZoneInfo(self.timezone)
        except (ValueError, TypeError, OSError, KeyError, AttributeError):
            expected = "a time zone such as UTC or Asia/Shanghai"
            checks.fail(f"{place}: timezone", expected, self.timezone)
        if self.what == "age" and (not isinstance(self.until, str) or not self.until):
            hint = "an age until today would change from day to day"
            expected = "a date such as 2022-04-30, or a column of times"
            checks.fail(f"{place}: until", expected, self.until, hint)
        date = self.until_date if self.until else None
        if date is not None and date.tzinfo is not None:
            checks.fail(f"{place}: until", "a date without an offset", self.until)


_KEYS = ("derive", *(field.name for field in fields(Derived)[2:]))


def keys_of(what: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the keys of a YAML that belong to some derivations."""
    return _KEYS if what == NUMBERS else _KEYS[:3]


def expanded(
    place: str, settings: Mapping[str, Any], what: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """Yields the settings of each column that an entry declares: itself, or what it derives.

    Args:
        place: the full key of the list.
        settings: the entry.
        what: what it may derive: `CATEGORIES` or `NUMBERS`.

    Raises:
        ValueError: a derivation is malformed.
    """
    plain = {key: value for key, value in settings.items() if key not in _KEYS}
    place = f"{place}: {settings['name']}"
    if settings.get("derive") is None:
        for key in _KEYS[1:]:
            if key in settings:
                checks.fail(f"{place}: {key}", "no value without derive", settings[key])
        yield plain
        return
    wanted = checks.texts(f"{place}: derive", settings["derive"])
    for name in wanted or [""]:
        if name not in what:
            other = "dense" if name in NUMBERS else "sparse"
            hint = f"{name} belongs under {other}" if name in (*CATEGORIES, *NUMBERS) else ""
            checks.fail(f"{place}: derive", f"a list among {', '.join(what)}", name, hint)
    options = {key: settings[key] for key in _KEYS[1:] if key in settings}
    if isinstance(options.get("until"), datetime.date):  # YAML reads dates
        options["until"] = options["until"].isoformat()
    for name in wanted:
        derived = Derived(settings["name"], name, **options)
        derived.check(place)
        yield {**plain, "name": derived.name, "derived": derived}
