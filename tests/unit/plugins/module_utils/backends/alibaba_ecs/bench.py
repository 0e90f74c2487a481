# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks run in this process, against an account of the simulated Alibaba Cloud ECS, on a clock that moves only when somebody sleeps."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from functools import partial
from typing import Any
from unittest import mock

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs import registry
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.alibaba_ecs.connection import connect
from ansible_collections.multicloud.recovery.plugins.module_utils.core import runner
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task, argument_spec, resolve
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import RecoveryError
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter

from tests.simulator.server import Control, SimulatorThread
from tests.unit.fakes import FakeClock
from tests.unit.plugins.module_utils.backends.gce.vm_bench import Ran

Wire = dict[str, Any]

REGION, ZONE, FAR_REGION = "cn-hangzhou", "cn-hangzhou-h", "cn-beijing"
VM = "web-1"
DEVICES = ("/dev/xvda", "/dev/xvdb", "/dev/xvdc")
TEXTS = ("system", "data", "logs")
FIRST, SECOND, THIRD = "20260101-000000", "20260102-000000", "20260103-000000"
MODULES: Mapping[str, Any] = {"backup": registry.BACKUP, "restore": registry.RESTORE, "snapshot": registry.SNAPSHOT}

_numbers = itertools.count(1)


class AlibabaBench:
    """An account with one running instance of three disks. ``category`` of its disks: only ESSDs can be saved as a group."""

    def __init__(self, simulator: SimulatorThread, category: str = "cloud_essd", **settings: Any) -> None:
        self.account = f"bench-{os.getpid()}-{next(_numbers)}"
        self.simulator = simulator
        self.control: Control = simulator.control.scoped(self.account)
        self.control.settings(**{"operation_s": 0, **settings})
        disks = [{"text": text, "Category": category, "DiskName": f"{VM}-{text}"} for text in TEXTS]
        made = self.act("add_instance", name=VM, region=REGION, disks=disks, tags={"env": "prod"})
        self.instance, self.disks = str(made["instance_id"]), [str(one) for one in made["disk_ids"]]
        self.clock = FakeClock()
        self._newest = 0

    def act(self, action: str, /, **body: Any) -> Wire:
        """One of the simulator's control actions."""
        done: Wire = self.control.act(action, account=self.account, **body)
        return done

    def call(self, action: str, **params: Any) -> Wire:
        """A request of somebody else's."""
        client = connect(self.task("restore", name="r1", snapshot_datetime="latest"), self.waiter())
        return client.change(action, action, params)

    # -- Tasks

    def options(self, module: str, operation: str, **given: Any) -> Wire:
        keys = {"access_key_id": f"sim-{self.account}", "access_key_secret": f"secret-{self.account}"}
        connection = {"api_url": self.simulator.url, "region": REGION, **keys}
        own = {"vm_name": VM, "lock_ttl": 60} if operation == "CREATE" and module != "snapshot" else {}
        every = {"provider": "alibaba_ecs", "operation": operation, **connection, **own, **given}
        return {key: value for key, value in every.items() if value is not None}

    def task(self, module: str, operation: str = "CREATE", *, check: bool = False, **given: Any) -> Task:
        options = self.options(module, operation, **given)
        providers = {"alibaba_ecs": MODULES[module].OPTIONS}
        checked = ArgumentSpecValidator(argument_spec(providers, None)).validate(options)
        assert not checked.error_messages, checked.error_messages
        selectors = MODULES[module].SELECTORS
        return resolve(module, checked.validated_parameters, set(options), providers, {}, selectors=selectors, check_mode=check)

    def run(self, module: str, operation: str = "CREATE", *, check: bool = False, **given: Any) -> Ran:
        """Carry a task out; ``given`` are its options, None takes away one of the bench's own."""
        ran, since = Ran(), self.mark()
        task: Task | None = None
        try:
            task = self.task(module, operation, check=check, **given)
            with mock.patch.object(runner, "Waiter", partial(Waiter, clock=self.clock, sleep=self.sleep)):
                ran.value = runner._perform_task(MODULES[module], task, ran.report)
        except RecoveryError as error:
            ran.error = error
        ran.warnings = " ".join(task.warnings) if task else ""
        log = self.control.requests(since)
        ran.paths = [str(entry["route"]) for entry in log]
        changes = [entry for entry in log if entry["mutating"]]
        ran.sent = [str(entry["route"]) for entry in changes]
        ran.bodies = [entry["body"] for entry in changes]
        return ran

    def sleep(self, seconds: float) -> bool:
        """Time goes on here and in the simulator."""
        self.clock.sleep(seconds)
        self.control.advance(seconds)
        return False

    def waiter(self, timeout_s: float = 600) -> Waiter:
        return Waiter(timeout_s, 15, clock=self.clock, sleep=self.sleep)

    def backup(self, moment: str | None = FIRST, **given: Any) -> Ran:
        return self.run("backup", **{"snapshot_datetime": moment, **given})

    def restore(self, **given: Any) -> Ran:
        ways = ("backup", "snapshots", "source_image", "image_family", "rollback_of", "snapshot_datetime")
        point = {} if any(given.get(way) for way in ways) else {"snapshot_datetime": "latest"}
        return self.run("restore", **{"name": "r1", "strategy": "rollback", **point, **given})

    def refused(self, ran: Ran, kind: str) -> str:
        """The message of a task that was refused before it changed anything."""
        assert ran.kind == kind, f"{ran.kind}: {ran.message}"
        assert ran.sent == []
        assert not ran.report.changed
        return ran.message

    # -- What is there

    def mark(self) -> int:
        """The number of the newest request in the log."""
        self._newest = max((entry["n"] for entry in self.control.requests(self._newest)), default=self._newest)
        return self._newest

    def all(self, kind: str) -> list[Wire]:
        return list(self.control.state().get(kind, []))

    def vms(self, name: str = VM) -> list[Wire]:
        return [one for one in self.all("instances") if one["InstanceName"] == name]

    def texts(self, instance: str = "") -> list[str]:
        """What is on the disks of an instance, by device."""
        mine = [one for one in self.all("disks") if one.get("InstanceId") == (instance or self.instance)]
        return [self.text(str(one["DiskId"])) for one in sorted(mine, key=lambda one: (one["Type"] != "system", one["Device"]))]

    def text(self, disk: str) -> str:
        return str(self.act("guest_read", disk=disk, length=64)["text"])

    def write(self, *texts: str) -> None:
        """The guest writes to the disks, in their order."""
        for disk, text in zip(self.disks, texts):
            self.act("guest_write", disk=disk, text=text)
