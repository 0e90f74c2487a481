# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the processes that a playbook starts, in /proc."""

from __future__ import annotations

from pathlib import Path


def descendants(ancestor: int) -> dict[int, list[str]]:
    """The command line of every process that a process has started, directly or not."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: dict[int, list[str]] = {}
    family = {ancestor}
    while True:
        children = {pid for pid, parent in parents.items() if parent in family} - family
        if not children:
            return found
        family |= children
        for pid in children:
            try:
                found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            except OSError:
                continue


def module_processes(playbook: int, module: str) -> list[int]:
    """The processes of a playbook that run the module itself, not a shell around it."""
    wanted = f"AnsiballZ_{module}.py"
    return [pid for pid, words in descendants(playbook).items() if "python" in words[0] and any(word.endswith(wanted) for word in words[1:2])]
