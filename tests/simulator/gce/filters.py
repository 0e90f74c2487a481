# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""List filters and list order, as Compute Engine's discovery document describes `filter` and `orderBy`.

Two languages, never mixed: AIP-160 (`labels.a = b AND name:*`, https://google.aip.dev/160) and the older one of regular expressions
(`name eq web-.*`). What neither describes is refused rather than guessed.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

Predicate = Callable[[Mapping[str, Any]], bool]
Path = tuple[str, ...]

QUOTED = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
FIELD = rf"[A-Za-z_][\w-]*(?:\.(?:[\w-]+|{QUOTED}))*"
COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
TOKEN_FIELD = re.compile(rf"\s*({FIELD})")
TOKEN_COMPARATOR = re.compile(r"\s*(!=|<=|>=|=|<|>|:)")
TOKEN_VALUE = re.compile(rf"\s*({QUOTED}|(?!(?:AND|OR|NOT)(?![^\s()]))[^\s()\"'=<>!,]+)")
TOKEN_SIGN = re.compile(r"\s*(\(|\)|-|(?:AND|OR|NOT)(?![\w.:=!<>-]))")
EXPRESSION = re.compile(rf"\s*({FIELD})\s+(eq|ne)\s+")
# What an unquoted expression holds when somebody meant several constraints.
SEVERAL = re.compile(r"\s(?:AND|OR|NOT|eq|ne|!=|<=|>=|=|<|>|:)\s")
# Python's expressions can do more than RE2.
NOT_IN_RE2 = re.compile(r"\(\?(?:[=!#(>]|<[=!]|P=)|\\[1-9]|[*+?}]\+")
ABSENT = object()


def matches(filter_text: str | None, resource: Mapping[str, Any]) -> bool:
    """Whether a resource is in the list. Raises ValueError, with the reason, for a filter that the service would not take."""
    return _parse(filter_text or "")[0](resource)


def fields(filter_text: str | None) -> tuple[Path, ...]:
    """The paths of the fields a filter looks at, so that unknown ones can be refused. Raises ValueError as `matches` does."""
    return _parse(filter_text or "")[1]


def order(items: Iterable[Mapping[str, Any]], order_by: str | None) -> list[Mapping[str, Any]]:
    """The items by name, or newest first for `creationTimestamp desc`. Raises ValueError for any other order, which the service has not either."""
    by_name = sorted(items, key=lambda item: str(item.get("name", "")))
    if order_by in (None, "", "name"):
        return by_name
    if order_by == "creationTimestamp desc":
        return sorted(by_name, key=lambda item: _moment(item.get("creationTimestamp")) or 0.0, reverse=True)
    raise ValueError(f"orderBy must be name or creationTimestamp desc, not {order_by!r}")


@lru_cache(maxsize=256)
def _parse(text: str) -> tuple[Predicate, tuple[Path, ...]]:
    if not text.strip():
        return _everything, ()
    paths: list[Path] = []
    if EXPRESSION.match(text) or re.search(rf"\({EXPRESSION.pattern}", text):
        predicate = _parse_expressions(text, paths)
    else:
        parser = _Parser(text, paths)
        predicate = parser.sequence()
        if parser.rest():
            raise ValueError(f"the filter is not understood from here: {parser.rest()!r}")
    return predicate, tuple(paths)


class _Parser:
    """Reads AIP-160 from left to right. OR binds stronger than AND; AND may be left out."""

    def __init__(self, text: str, paths: list[Path]) -> None:
        self._text = text
        self._at = 0
        self._paths = paths

    def rest(self) -> str:
        """What has not been read yet."""
        return self._text[self._at :].strip()

    def _take(self, token: re.Pattern[str]) -> str:
        found = token.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found[1]

    def _take_sign(self, *wanted: str) -> str:
        found = TOKEN_SIGN.match(self._text, self._at)
        if found is None or found[1] not in wanted:
            return ""
        self._at = found.end()
        return found[1]

    def sequence(self) -> Predicate:
        """Parts that must all be true."""
        parts = [self._choice()]
        while self._take_sign("AND") or (self.rest() and not self.rest().startswith(")")):
            parts.append(self._choice())
        return parts[0] if len(parts) == 1 else lambda resource: all(part(resource) for part in parts)

    def _choice(self) -> Predicate:
        parts = [self._term()]
        while self._take_sign("OR"):
            parts.append(self._term())
        return parts[0] if len(parts) == 1 else lambda resource: any(part(resource) for part in parts)

    def _term(self) -> Predicate:
        if self._take_sign("NOT", "-"):
            negated = self._simple()
            return lambda resource: not negated(resource)
        return self._simple()

    def _simple(self) -> Predicate:
        if self._take_sign("("):
            inner = self.sequence()
            if not self._take_sign(")"):
                raise ValueError("the filter lacks a closing parenthesis")
            return inner
        if TOKEN_SIGN.match(self._text, self._at):
            raise ValueError(f"the filter has no condition here: {self.rest()!r}")
        beginning = self.rest()
        field, comparator, value = self._take(TOKEN_FIELD), self._take(TOKEN_COMPARATOR), self._take(TOKEN_VALUE)
        if not (field and comparator and value):
            raise ValueError(f"the filter needs a field, an operator and a value here: {beginning!r}")
        path = _path(field)
        self._paths.append(path)
        return _comparison(path, comparator, _unquoted(value))


def _comparison(path: Path, comparator: str, value: str) -> Predicate:
    if comparator == ":":
        return lambda resource: _has(resource, path, value)
    equals = _equality(value)
    if comparator == "=":
        return lambda resource: equals(_at(resource, path))
    if comparator == "!=":
        # "True unless", so what has no such field is in.
        return lambda resource: not equals(_at(resource, path))
    compare = COMPARATORS[comparator]
    number, moment = _number(value), _moment(value)

    def compared(resource: Mapping[str, Any]) -> bool:
        found = _at(resource, path)
        if found is ABSENT or found is None or isinstance(found, (bool, dict, list)):
            return False
        # 64-bit numbers are strings in JSON.
        for own, other in ((_number(found), number), (_moment(found), moment)):
            if own is not None and other is not None:
                return compare(own, other)
        return compare(str(found), value)

    return compared


def _equality(value: str) -> Callable[[Any], bool]:
    pattern = re.compile(".*".join(re.escape(part) for part in value.split("*")), re.DOTALL) if "*" in value else None
    number, moment = _number(value), _moment(value)

    def equals(found: Any) -> bool:
        if found is ABSENT or found is None or isinstance(found, (dict, list)):
            return False
        if isinstance(found, bool):
            return _text(found) == value
        if isinstance(found, (int, float)):
            return number is not None and found == number
        if pattern is not None:
            return pattern.fullmatch(str(found)) is not None
        return bool(found == value) or (moment is not None and _moment(found) == moment)

    return equals


def _has(found: Any, path: Path, value: str) -> bool:
    """The operator `:`, the only one that looks into lists."""
    if isinstance(found, list):
        return any(_has(item, path, value) for item in found)
    if path:
        return isinstance(found, Mapping) and path[0] in found and _has(found[path[0]], path[1:], value)
    if value == "*":
        return found is not None
    if isinstance(found, Mapping):
        return value in found
    return _equality(value)(found)


def _at(resource: Any, path: Path) -> Any:
    found = resource
    for name in path:
        if isinstance(found, list):
            raise ValueError(f"{'.'.join(path)} leads through a list, which only the operator : can look into")
        if not isinstance(found, Mapping) or name not in found:
            return ABSENT
        found = found[name]
    if isinstance(found, list):
        raise ValueError(f"{'.'.join(path)} is a list, which only the operator : can look into")
    return found


def _parse_expressions(text: str, paths: list[Path]) -> Predicate:
    """The older language: one constraint, or several in parentheses that must all be true."""
    if not text.lstrip().startswith("("):
        return _expression(text, paths)
    parts, rest = [], text.strip()
    while rest:
        if not rest.startswith("("):
            raise ValueError(f"with eq and ne the filter takes only constraints in parentheses side by side, not {rest!r}")
        end = _closing(rest)
        parts.append(_expression(rest[1:end], paths))
        rest = rest[end + 1 :].lstrip()
    return lambda resource: all(part(resource) for part in parts)


def _expression(text: str, paths: list[Path]) -> Predicate:
    head = EXPRESSION.match(text)
    if head is None:
        raise ValueError(f"a filter takes either eq and ne or the operators = != < > <= >= :, not both: {text!r}")
    literal = text[head.end() :].strip()
    is_quoted = re.fullmatch(QUOTED, literal) is not None
    if not literal or (not is_quoted and (SEVERAL.search(f" {literal} ") or literal[0] in "\"'")):
        raise ValueError(f"the filter has no single expression here: {literal!r}")
    # Backslashes belong to the expression, in quotes too.
    source = literal[1:-1] if is_quoted else literal
    if NOT_IN_RE2.search(source):
        raise ValueError(f"not an expression of RE2: {source!r}")
    try:
        expression = re.compile(source)
    except re.error as error:
        raise ValueError(f"not a regular expression: {source!r}: {error}") from error
    path, wanted = _path(head[1]), head[2] == "eq"
    paths.append(path)

    def fits(resource: Mapping[str, Any]) -> bool:
        found = _at(resource, path)
        return (found is not ABSENT and expression.fullmatch(_text(found)) is not None) == wanted

    return fits


def _closing(text: str) -> int:
    """The index of the parenthesis that closes the first one, passing over what is quoted or escaped."""
    depth = 0
    for found in re.finditer(rf"\\.|{QUOTED}|[()]", text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0:
            return found.start()
    raise ValueError("the filter lacks a closing parenthesis")


def _path(field: str) -> Path:
    return tuple(_unquoted(part) for part in re.findall(rf"{QUOTED}|[^.\"']+", field))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else text


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(value: Any) -> int | float | None:
    text = str(value)
    if re.fullmatch(r"-?[0-9]{1,40}", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?", text) else None


def _moment(value: Any) -> float | None:
    """Seconds since 1970 of a date and time as in RFC 3339; None for anything else."""
    text = str(value)
    if not re.match(r"\d{4}-\d\d-\d\d[Tt]", text):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _everything(resource: Mapping[str, Any]) -> bool:
    return True
