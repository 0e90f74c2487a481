# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of backup and restore on a project of Compute Engine, and what they sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from tests.harness.gce_vms import VmWorld
from tests.harness.modules import Modules, Result

MOMENTS = ("20260101-000000", "20260102-000000", "20260103-000000")
CREATE, DELETE, ONE, ALL = ({"operation": word} for word in ("CREATE", "DELETE", "INSPECT_ONE", "INSPECT_ALL"))

Ask = Callable[..., "VmRun"]

_newest: WeakKeyDictionary[VmWorld, int] = WeakKeyDictionary()


class VmRun:
    """A run of a module, and the requests that it made."""

    def __init__(self, modules: Modules, world: VmWorld, module: str, options: Mapping[str, Any], **how: Any) -> None:
        self.world = world
        # The log is asked for what is new only: it is long where much was prepared.
        seen = _newest.get(world, 0)
        mark = _newest[world] = max((entry["n"] for entry in world.control.requests(seen)), default=seen)
        given = {name: value for name, value in {**world.options, "wait_interval": 1, **options}.items() if value is not None}
        self.result: Result = modules.run(module, given, **how)
        self.requests = world.control.requests(mark)
        prefix = f"/compute/v1/projects/{world.project}/"
        self.changes = [f"{one['method']} {one['path'].removeprefix(prefix)}" for one in self.requests if one["mutating"]]

    def __getitem__(self, key: str) -> Any:
        return self.result[key]

    @property
    def ok(self) -> VmRun:
        """Itself, when it has succeeded."""
        assert not self.result.failed, f"{self.result.message}\n{self.result.stderr[-3000:]}"
        assert [text for one in self.requests for text in one["contract_violations"]] == []
        return self

    @property
    def message(self) -> str:
        """What it said."""
        return self.result.message

    @property
    def kind(self) -> str:
        """The kind of its error."""
        return self.result.kind

    def bodies(self, end: str) -> list[dict[str, Any]]:
        """The bodies of the requests that change something, to paths with this end."""
        return [dict(one["body"] or {}) for one in self.requests if one["mutating"] and one["path"].endswith(end)]

    def body(self, end: str) -> dict[str, Any]:
        """The only one, or the first of several that are alike in what matters."""
        return self.bodies(end)[0]

    def queries(self, end: str) -> list[dict[str, str]]:
        """The queries of the requests to paths with this end."""
        return [dict(one["query"]) for one in self.requests if one["path"].endswith(end)]

    def is_refused(self, *words: str) -> bool:
        """Whether it failed with a message that holds all these words, and had changed nothing."""
        return self.result.failed and bool(self.kind) and all(word in self.message for word in words) and not self.changes


@pytest.fixture
def ask(modules: Modules, vm_world: VmWorld) -> Ask:
    """Runs a module in the test's project: ask("restore", CREATE, vm_name="web-1", ...)."""

    def run(module: str, operation: Mapping[str, Any], *, world: VmWorld | None = None, how: Mapping[str, Any] | None = None, **options: Any) -> VmRun:
        return VmRun(modules, world or vm_world, module, {**operation, **options}, **(how or {}))

    return run
