# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of what we make: derived, so that a run that died and the one that goes on agree, and unique by a hash where they must be short."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timezone

from ..core.errors import InvalidRequest

_DATETIME = "[0-9]{8}-[0-9]{6}"
_LONGEST = 63
_HASH = 10


def digest(text: str, length: int = 16) -> str:
    """The first ``length`` hexadecimal digits of a text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def derived_name(readable: str, identity: str, longest: int = _LONGEST) -> str:
    """A name that begins as ``readable`` and ends in a hash of ``identity``; lower case letters, digits and hyphens, begins with a letter."""
    begin = re.sub(r"[^a-z0-9]+", "-", readable.lower()).strip("-")
    begin = begin if begin[:1].isalpha() else f"r-{begin}"
    return f"{begin[: longest - _HASH - 1].rstrip('-')}-{digest(identity, _HASH)}"


def fitting_name(wanted: str, longest: int = _LONGEST) -> str:
    """``wanted`` itself where it is short enough, else its beginning and a hash of the whole."""
    return wanted if len(wanted) <= longest else derived_name(wanted, wanted, longest)


def now_as_datetime() -> str:
    """The present in UTC as YYYYMMDD-HHMMSS."""
    return datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")


def check_datetime(option: str, text: str) -> str:
    """``text`` when it is a moment as YYYYMMDD-HHMMSS. Raises InvalidRequest."""
    try:
        if not re.fullmatch(_DATETIME, text):
            raise ValueError(text)
        datetime.strptime(text, "%Y%m%d-%H%M%S")
    except ValueError as error:
        raise InvalidRequest(f'{option} must be a date and time in UTC as YYYYMMDD-HHMMSS, for example 20260131-235900, not "{text}".') from error
    return text


def backup_name(vm: str, moment: str) -> str:
    """The name of the backup of a VM under a datetime."""
    return f"{vm}-{moment}"


def safety_word(restore: str, stage: str) -> str:
    """What stands for the datetime in the names of the safety points of a restore."""
    return f"before-{digest(restore, 8)}-{stage}"


def parse_backup_name(name: str) -> tuple[str, str]:
    """VM and datetime of a backup's name. Raises InvalidRequest."""
    match = re.fullmatch(rf"(.+)-({_DATETIME})", name)
    if not match:
        raise InvalidRequest(f'"{name}" is not the name of a backup: it is the name of the VM and the datetime, as in web-20260131-235900.')
    return match[1], check_datetime("name", match[2])
