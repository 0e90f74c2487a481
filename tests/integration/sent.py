# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module sent, as the simulator's log has it, in a form that tests can ask."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tests.harness.modules import Modules, Result
from tests.harness.worlds import World

CREATE_RESTORE = {
    "operation": "CREATE",
    "name": "back",
    "backup_ref": {"name": "nightly"},
    "cluster_ref": {"name": "drill"},
    "storage_class_mapping": {"fast": "slow"},
}
CREATE_BACKUP = {"operation": "CREATE", "name": "fresh", "backup_location_ref": {"name": "objects"}, "cluster_ref": {"name": "production"}}
CREATE = {"restore": CREATE_RESTORE, "backup": CREATE_BACKUP}
LIST = {"operation": "INSPECT_ALL"}


class Sent:
    """A run of a module and the requests that it made."""

    def __init__(self, modules: Modules, world: World, module: str, options: Mapping[str, Any], **how: Any) -> None:
        self.world = world
        mark = world.mark()
        given = {name: value for name, value in {**world.options, **options}.items() if value is not None}
        self.result: Result = modules.run(module, given, **how)
        self.requests = world.control.requests(mark)

    @property
    def violations(self) -> list[str]:
        """What the published contract has against these requests; nothing where the contract is not there."""
        return [text for entry in self.requests for text in entry["contract_violations"]]

    def body(self, path: str) -> Any:
        """A field of the body of the only POST or PUT; None when it is absent."""
        (entry,) = [entry for entry in self.requests if entry["method"] in ("POST", "PUT")]
        value = entry["body"]
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def query(self, name: str, method: str = "GET") -> list[str]:
        """Every value of a query parameter, in the order sent, each once."""
        pairs = [pair for entry in self.requests if entry["method"] == method for pair in entry["query"]]
        return list(dict.fromkeys(value for key, value in pairs if key == name))

    def option(self, name: str) -> list[str]:
        """Every value of an enumerate option of the list that is asked for last."""
        return self.query(f"enumerate_options.{name}")

    def calls(self) -> list[str]:
        """Method and path of every request."""
        return [f"{entry['method']} {entry['path']}" for entry in self.requests]

    def shows_token(self, token: str) -> bool:
        """Whether every request carried this token."""
        digest = f"sha256:{hashlib.sha256(f'Bearer {token}'.encode()).hexdigest()[:12]}"
        return bool(self.requests) and all(entry["headers"].get("authorization") == digest for entry in self.requests)

    def is_refused(self, word: str) -> bool:
        """Whether it failed because of the options, before anything was sent, with a message that names them."""
        return self.result.failed and word in self.result.message and not self.requests
