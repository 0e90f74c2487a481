# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages, labels and options that docs/gce.md speaks of are those of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce.options import VM_BACKUP, VM_RESTORE
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "gce.md").read_text()
SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "plugins" / "module_utils").rglob("*.py")))


def unknown_messages(page: str) -> Iterator[str]:
    """Messages in the table of what goes wrong that no error has; "..." stands for anything within a line."""
    table = page.partition("\n## When something goes wrong\n")[2].partition("\n## ")[0]
    for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        for message in re.findall(r"`([^`]+)`", cell):
            if not re.search(".*".join(map(re.escape, message.split("..."))), SOURCES):
                yield message


def test_messages_are_those_of_the_code() -> None:
    assert list(unknown_messages(PAGE)) == []


def test_look_for_messages_can_fail() -> None:
    assert list(unknown_messages("\n## When something goes wrong\n| `quota ... is too small` or `was never said` | wait |\n")) == ["was never said"]


def test_labels_are_those_of_the_code() -> None:
    known = {
        marks.PREFIX + value
        for name, value in vars(marks).items()
        if name.isupper() and isinstance(value, str) and name not in ("PREFIX", "ON", "OFF", "YES", "CONDEMNED")
    }
    spoken_of = set(re.findall(r"mcr-[a-z-]*[a-z]", PAGE))
    assert spoken_of - known == set()
    assert {"mcr-lock", "mcr-restore", "mcr-replaced-by"} <= spoken_of


def test_options_of_the_playbooks_and_pages_exist() -> None:
    """What is set in code marks, as "`option: value`"."""
    pages = [PAGE, *((ROOT / "docs" / name).read_text() for name in ("back_up_vms.md", "prune.md", "restore_a_vm.md", "retire_and_revive.md"))]
    shown = {option for page in pages for option in re.findall(r"`(\w+): [\w{}-]+`", page)}
    assert shown - {*VM_BACKUP, *VM_RESTORE, "manifest_complete", "usable", "auto_delete"} == set()
