# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks as they are delivered, played by real ansible-playbook: in check mode, for real, and again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from tests.harness import ROOT
from tests.harness.modules import Modules
from tests.harness.playbooks import Outcome, WarmPlaybooks

MOMENT, LATER = "20260101-020000", "20260102-020000"
BACKUP_TASK = {"backup_vm": "Back the VM up", "retire_vm": "Make images of the VM and delete it", "prune": "Delete what the rules release"}
RESTORE_TASK = {"restore_vm": "Restore the VM", "revive_vm": "Build the VM again", "create_vm": "Build the VM"}
TASK = {**BACKUP_TASK, **RESTORE_TASK, "snapshot_disk": "Take the snapshot"}


class World(Protocol):
    """A project or account of a simulator."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The connection as environment variables."""

    @property
    def options(self) -> dict[str, Any]:
        """The connection as options."""

    def mark(self) -> int:
        """The number of the newest request."""

    def changes(self, since: int = 0) -> list[str]:
        """The requests since then that change something."""

    def violations(self) -> list[str]:
        """What the published descriptions have against the requests."""


class Site:
    """A project or account, the playbooks on it, and what they sent that changes something. ``always`` are variables of every run."""

    def __init__(self, world: World, playbooks: WarmPlaybooks, modules: Modules, **always: Any) -> None:
        self._world, self._playbooks, self._modules, self._always = world, playbooks, modules, always
        self.sent: list[str] = []

    def play(self, name: str, *arguments: str, **variables: Any) -> Outcome:
        """Play one."""
        mark = self._world.mark()
        environ = self._world.environment
        outcome = self._playbooks.run(ROOT / "playbooks" / f"{name}.yml", *arguments, environ=environ, variables={**self._always, **variables})
        self.sent = self._world.changes(mark)
        assert self._world.violations() == []
        return outcome

    def result(self, name: str, *arguments: str, **variables: Any) -> dict[str, Any]:
        """The result of its task, when all went well."""
        outcome = self.play(name, *arguments, **variables)
        assert outcome.code == 0, outcome.stdout + outcome.stderr
        return outcome.result(TASK[name])

    def twice(self, name: str, **variables: Any) -> dict[str, Any]:
        """The result for real, after check mode has said the same and sent nothing; and a second run changes and sends nothing."""
        predicted = self.result(name, "--check", **variables)
        assert predicted["changed"], predicted
        assert self.sent == []
        result = self.result(name, **variables)
        assert result["changed"], result
        assert self.sent
        assert set(predicted) == set(result)
        again = self.result(name, **variables)
        assert not again["changed"], again
        assert self.sent == []
        return result

    def refuses(self, name: str, *words: str, **variables: Any) -> None:
        """It fails with a message that holds these words, and has sent nothing that changes anything."""
        outcome = self.play(name, **variables)
        assert outcome.code != 0
        assert all(word in outcome.text for word in words), outcome.stdout
        assert self.sent == []

    def do(self, module: str, **options: Any) -> None:
        """A task that prepares something."""
        result = self._modules.run(module, {**self._world.options, "wait_interval": 1, "operation": "CREATE", **options})
        assert not result.failed, result.message


def head(name: str) -> list[str]:
    """The variables that the head of a playbook lists."""
    text = (ROOT / "playbooks" / f"{name}.yml").read_text("utf-8").partition("- name:")[0]
    return [word for words in re.findall(r"^# (\w+(?:, \w+)*)  +\S", text, re.MULTILINE) for word in words.split(", ")]
