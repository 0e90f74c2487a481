# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parameters of one request: flat names with numbers on the wire, read as values, lists and structures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .errors import invalid, missing

# They belong to the protocol and to no action.
COMMON = {"Action", "Version", "Format", "AccessKeyId", "Signature", "SignatureMethod", "SignatureType", "SignatureVersion", "SignatureNonce", "Timestamp"}
COMMON |= {"SecurityToken", "RegionId", "OwnerId", "OwnerAccount", "ResourceOwnerId", "ResourceOwnerAccount"}
MOST_IDS = 100


class Params:
    """Parameters by name. An absent one is None; an empty one is the empty text."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.all: dict[str, str] = dict(pairs)

    def text(self, name: str) -> str | None:
        """A value as it came."""
        return self.all.get(name)

    def need(self, name: str) -> str:
        """A value that must be there."""
        value = self.all.get(name)
        if not value:
            raise missing(name)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean."""
        value = self.all.get(name)
        if value is None or value == "":
            return default
        if value not in ("true", "false"):
            raise invalid(name, value, "It must be true or false.")
        return value == "true"

    def number(self, name: str, default: int | None = None) -> int | None:
        """An integer."""
        value = self.all.get(name)
        if value is None or value == "":
            return default
        if not value.lstrip("-").isdigit():
            raise invalid(name, value, "It must be an integer.")
        return int(value)

    def ids(self, name: str, most: int = MOST_IDS) -> list[str] | None:
        """A JSON array of ids in one text; None when absent."""
        value = self.all.get(name)
        if not value:
            return None
        try:
            found = json.loads(value)
        except ValueError as error:
            raise invalid(name, value, "It must be a JSON array.") from error
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise invalid(name, value, "It must be a JSON array of texts.")
        if len(found) > most:
            raise invalid(name, value, f"At most {most} ids.")
        return found

    def commas(self, name: str, most: int = MOST_IDS) -> list[str] | None:
        """A comma list; None when absent."""
        value = self.all.get(name)
        found = [part.strip() for part in value.split(",")] if value else None
        if found is not None and len(found) > most:
            raise invalid(name, value, f"At most {most} ids.")
        return found

    def items(self, name: str) -> list[str]:
        """The values of Name.1, Name.2, ... in the order of their numbers."""
        found = {int(key[len(name) + 1 :]): value for key, value in self.all.items() if key.startswith(name + ".") and key[len(name) + 1 :].isdigit()}
        return [found[number] for number in sorted(found)]

    def structs(self, name: str) -> list[dict[str, str]]:
        """The structures Name.1.Field, ... in the order of their numbers; nested names keep their dots."""
        found: dict[int, dict[str, str]] = {}
        for key, value in self.all.items():
            head, _dot, rest = key[len(name) + 1 :].partition(".") if key.startswith(name + ".") else ("", "", "")
            if head.isdigit() and rest:
                found.setdefault(int(head), {})[rest] = value
        return [found[number] for number in sorted(found)]

    def fingerprint(self) -> dict[str, Any]:
        """What two requests with one token must have in common."""
        return {name: value for name, value in self.all.items() if name not in COMMON - {"RegionId"} and name != "ClientToken"}
