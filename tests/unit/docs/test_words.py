# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages, labels, tags and options that the pages of the clouds speak of are those of the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs import copies, making_way
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs import options as alibaba_ecs
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.gce import options as gce
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery import marks
from ansible_collections.multicloud.recovery.plugins.module_utils.recovery.lock.claim import KEY

ROOT = Path(__file__).resolve().parents[3]
PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("gce", "alibaba_ecs")}
# Marks of one provider alone.
OWN = {"gce": set[str](), "alibaba_ecs": {copies._COPY_OF, marks.PREFIX + making_way.ASIDE, marks.PREFIX + making_way.PARKED, (marks.PREFIX + KEY).rstrip("-")}}
SOURCES = "\n".join(path.read_text() for path in sorted((ROOT / "plugins" / "module_utils").rglob("*.py")))


def unknown_messages(page: str) -> Iterator[str]:
    """Messages in the table of what goes wrong that no error has; "..." stands for anything within a line."""
    table = page.partition("\n## When something goes wrong\n")[2].partition("\n## ")[0]
    for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE):
        for message in re.findall(r"`([^`]+)`", cell):
            if not re.search(".*".join(map(re.escape, message.split("..."))), SOURCES):
                yield message


@pytest.mark.parametrize("name", PAGES)
def test_messages_are_those_of_the_code(name: str) -> None:
    assert list(unknown_messages(PAGES[name])) == []


def test_look_for_messages_can_fail() -> None:
    assert list(unknown_messages("\n## When something goes wrong\n| `quota ... is too small` or `was never said` | wait |\n")) == ["was never said"]


@pytest.mark.parametrize("name", PAGES)
def test_labels_are_those_of_the_code(name: str) -> None:
    known = {
        marks.PREFIX + value
        for word, value in vars(marks).items()
        if word.isupper() and isinstance(value, str) and word not in ("PREFIX", "ON", "OFF", "YES", "CONDEMNED")
    }
    spoken_of = set(re.findall(r"mcr-[a-z-]*[a-z]", PAGES[name]))
    assert spoken_of - known - OWN[name] == set()
    assert {"mcr-restore", "mcr-replaced-by"} | OWN[name] <= spoken_of


def test_options_of_the_playbooks_and_pages_exist() -> None:
    """What is set in code marks, as "`option: value`"."""
    pages = [*PAGES.values(), *((ROOT / "docs" / name).read_text() for name in ("back_up_vms.md", "prune.md", "restore_a_vm.md", "retire_and_revive.md"))]
    shown = {option for page in pages for option in re.findall(r"`(\w+): [\w{}-]+`", page)}
    known = {option for each in (gce, alibaba_ecs) for options in (each.VM_BACKUP, each.VM_RESTORE) for option in options}
    # What every task has, results, what a disk has, and a variable of the playbooks.
    assert shown - known - {"manifest_complete", "usable", "auto_delete", "provider", "cloud_provider"} == set()
