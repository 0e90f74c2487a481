# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""URLs of resources: what a request may write in many ways, and the one way in which answers write it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .errors import invalid
from .places import is_place

BASE = "https://www.googleapis.com/compute/v1/"
_LINK = re.compile(
    r"^(?:(?:https?://[^/]+)?/?(?:compute/(?:v1|beta)/)?)?(?:projects/(?P<project>[^/]+)/)?(?P<place>global|zones/[^/]+|regions/[^/]+)/(?P<rest>.+)$"
)
_ZONE = re.compile(r"^(?:(?:https?://[^/]+)?/?(?:compute/(?:v1|beta)/)?)?(?:projects/[^/]+/)?zones/(?P<zone>[^/]+)$")


@dataclass(frozen=True)
class Ref:
    """A resource by project, place ("global", "zones/Z", "regions/R"), plural and name; a family is "family/F" with plural images."""

    project: str
    place: str
    plural: str
    name: str

    @property
    def path(self) -> str:
        """From `projects/` on."""
        return f"projects/{self.project}/{self.place}/{self.plural}/{self.name}"

    @property
    def url(self) -> str:
        """As answers write it."""
        return BASE + self.path


def parse(text: Any, project: str, field: str, plural: str) -> Ref:
    """A full or partial URL. Raises ApiError (invalid) for what is neither, or is of another kind than `plural`."""
    found = _LINK.match(text) if isinstance(text, str) else None
    if found is None:
        raise invalid(field, text, "The URL is malformed.")
    kind, _slash, name = found["rest"].partition("/")
    if kind != plural or not name or not is_place(found["place"]):
        raise invalid(field, text, f"The URL is malformed. Must be a valid {plural} URL.")
    return Ref(found["project"] or project, found["place"], plural, name)


def parse_zone(text: Any, field: str) -> str:
    """The zone that a full or partial URL names. Raises ApiError (invalid): a bare name is no URL."""
    found = _ZONE.match(text) if isinstance(text, str) else None
    if found is None or not is_place(f"zones/{found['zone']}"):
        raise invalid(field, text, "The URL is malformed.")
    return found["zone"]


def last(text: str) -> str:
    """The last part of a URL, or the name itself."""
    return text.rstrip("/").rsplit("/", 1)[-1]
