# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PX-Backup organization in memory, in the shape of the wire, and a bench that runs the back ends' operations on it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Any
from unittest import mock

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.multicloud.recovery.plugins.module_utils.backends.px_backup import backup, registry, restore
from ansible_collections.multicloud.recovery.plugins.module_utils.clients.px_backup.client import LONGEST_PAGE, Kind
from ansible_collections.multicloud.recovery.plugins.module_utils.core.arguments import Task, argument_spec, resolve
from ansible_collections.multicloud.recovery.plugins.module_utils.core.errors import NotFound, OutcomeUnknown
from ansible_collections.multicloud.recovery.plugins.module_utils.core.outcome import Outcome
from ansible_collections.multicloud.recovery.plugins.module_utils.core.runner import Registered, perform
from ansible_collections.multicloud.recovery.plugins.module_utils.core.steps import Report
from ansible_collections.multicloud.recovery.plugins.module_utils.core.waiter import Waiter

Wire = dict[str, Any]

GONE = "gone"
ABSENT = object()
CREATED = "2026-03-01T02:00:07Z"
CONNECTION = {"api_url": "http://px", "org_id": "default", "token": "the-token"}
BACKENDS = {"backup": registry.BACKUP, "restore": registry.RESTORE}
INFO_KEYS = {"backup": "backup_info", "restore": "restore_info", "cluster": "clusterInfo", "backuplocation": "backup_location_info"}


def wire(path: str, name: str, uid: str, status: str | None, *, labels: Mapping[str, str] | None = None, **info: Any) -> Wire:
    """An object as the API sends it; keys of ``info`` that are ABSENT, and a status that is None, are left out."""
    metadata = {"name": name, "uid": uid, "org_id": "default", "create_time": CREATED, "labels": dict(labels or {})}
    shown = {key: value for key, value in info.items() if value is not ABSENT}
    if status is not None:
        shown["status"] = {"status": status, "reason": shown.pop("reason", "")}
    return {"metadata": metadata, INFO_KEYS.get(path, f"{path}_info"): shown}


def _noted(send: Callable[..., Any]) -> Callable[..., Any]:
    """A call that changes something: whether it was accepted, or may have been, is noted as the client does."""

    @wraps(send)
    def noted(client: FakeClient, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = send(client, *args, **kwargs)
        except OutcomeUnknown:
            client.has_acted = True
            raise
        client.has_acted = True
        return answer

    return noted


class FakeClient:
    """The calls of PxBackupClient over ``objects``, each noted in ``calls``.

    ``progress`` are the statuses that the next inspections of a uid will see, the last one for ever; GONE removes the object and
    an exception is raised. ``on_create`` may raise, or change what is made; ``on_delete`` and ``on_update`` are told of the call.
    A server that ``ignores_uid`` inspects by name alone.
    """

    org_id = "default"
    server_version: tuple[int, ...] = (2, 11, 0)

    def version(self) -> tuple[int, ...]:
        return self.server_version

    def __init__(self) -> None:
        self.objects: dict[str, list[Wire]] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.progress: dict[str, list[Any]] = {}
        self.listings: list[Callable[[], None]] = []
        self.on_create: Callable[[str, Wire], None] = lambda _path, _made: None
        self.on_delete: Callable[[str, Wire], None] = lambda _path, _item: None
        self.on_update: Callable[[str, Wire], None] = lambda _path, _item: None
        self.read = 0
        self.has_acted = False
        self.ignores_uid = False
        self.page_sizes: list[int] = []

    def acted(self) -> bool:
        return self.has_acted

    def put(self, path: str, *items: Wire) -> None:
        self.objects.setdefault(path, []).extend(items)

    def one(self, path: str, uid: str) -> Wire:
        return next(item for item in self.objects[path] if item["metadata"]["uid"] == uid)

    @property
    def changes(self) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] in ("create", "update", "delete")]

    @property
    def words(self) -> list[str]:
        """The calls that change something as "create restore"."""
        return [f"{call[0]} {call[1]}" for call in self.changes]

    def enumerate(self, kind: Kind, options: Sequence[tuple[str, str]] = (), page_size: int = LONGEST_PAGE) -> Iterator[Wire]:
        self.calls.append(("enumerate", kind.path, tuple(options)))
        self.page_sizes.append(page_size)
        if self.listings:
            self.listings.pop(0)()
        names = [value for name, value in options if name == "name_filter"]
        statuses = [value for name, value in options if name == "status"]
        for item in list(self.objects.get(kind.path, [])):
            # What has no status yet has the zero value of it.
            status = ((item.get(INFO_KEYS.get(kind.path, "")) or {}).get("status") or {}).get("status") or "Invalid"
            if all(part in item["metadata"]["name"] for part in names) and (not statuses or status in statuses):
                self.read += 1
                yield deepcopy(item)

    def inspect(self, kind: Kind, name: str, uid: str) -> Wire:
        self.calls.append(("inspect", kind.path, name, uid))
        coming = self.progress.get(uid, [])
        word = coming.pop(0) if len(coming) > 1 else (coming[0] if coming else None)
        if isinstance(word, Exception):
            raise word
        if word == GONE:
            self.objects[kind.path] = [item for item in self.objects[kind.path] if item["metadata"]["uid"] != uid]
        for item in self.objects.get(kind.path, []):
            if item["metadata"]["name"] == name and (item["metadata"]["uid"] == uid or self.ignores_uid):
                if word:
                    item[INFO_KEYS[kind.path]].setdefault("status", {})["status"] = word
                return deepcopy(item)
        raise NotFound("object not found", code="NotFound", http_status=404)

    @_noted
    def create(self, kind: Kind, body: Mapping[str, Any]) -> Wire:
        self.calls.append(("create", kind.path, deepcopy(dict(body))))
        made = made_from(kind.path, body)
        self.progress["new-uid"] = ["Pending", "InProgress", "Success"]
        self.on_create(kind.path, made)
        self.put(kind.path, made)
        return deepcopy(made)

    @_noted
    def update(self, kind: Kind, body: Mapping[str, Any]) -> None:
        self.calls.append(("update", kind.path, deepcopy(dict(body))))
        item = self.one(kind.path, body["metadata"]["uid"])
        item["metadata"].update({key: value for key, value in deepcopy(dict(body["metadata"])).items() if key in ("labels", "ownership")})
        self.on_update(kind.path, item)

    @_noted
    def delete(self, kind: Kind, name: str, uid: str, query: Sequence[tuple[str, str]] = ()) -> None:
        self.calls.append(("delete", kind.path, name, uid, tuple(query)))
        item = self.one(kind.path, uid)
        self.progress.setdefault(f"{uid} deleted", ["Deleting", GONE])
        self.progress[uid] = self.progress[f"{uid} deleted"]
        item[INFO_KEYS[kind.path]]["status"] = {"status": "Deleting"}
        self.on_delete(kind.path, item)


def made_from(path: str, body: Mapping[str, Any], uid: str = "new-uid") -> Wire:
    """The object that a server makes of a create request: it echoes the options, the backup type as an object."""
    info = {key: deepcopy(value) for key, value in body.items() if key not in ("metadata", "backup", "cluster")}
    if "backup_type" in info:
        info["backup_type"] = {"type": info["backup_type"]}
    metadata = {"create_time": CREATED, "labels": {}, **deepcopy(dict(body["metadata"])), "uid": uid}
    return {"metadata": metadata, INFO_KEYS[path]: {**info, "status": {"status": "Pending"}}}


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        self.now += seconds
        return False


@cache
def _validator(path: str) -> ArgumentSpecValidator:
    return ArgumentSpecValidator(argument_spec({"px_backup": BACKENDS[path].OPTIONS}, "px_backup"))


@dataclass
class Bench:
    """One kind of object, and an inventory in which the default options of its CREATE make sense."""

    path: str
    options: dict[str, Any]
    echo: dict[str, Any]
    client: FakeClient = field(default_factory=FakeClient)
    clock: Clock = field(default_factory=Clock)
    report: Report = field(default_factory=Report)
    last: Task | None = None

    @property
    def backend(self) -> Registered:
        return BACKENDS[self.path]

    def there(self, status: str | None = "Success", *, name: str = "shop", uid: str = "u-1", labels: Mapping[str, str] | None = None, **info: Any) -> Wire:
        """An object of this kind that exists, as the default options would have made it but for ``info``."""
        ownership = info.pop("ownership", ABSENT)
        item = wire(self.path, name, uid, status, labels=labels, **{**deepcopy(self.echo), **info})
        if ownership is not ABSENT:
            item["metadata"]["ownership"] = ownership
        self.client.put(self.path, item)
        return item

    def task(self, operation: str, check_mode: bool = False, **options: Any) -> Task:
        """The task that Ansible would make of ``options``; those that are None are not given."""
        given = {**CONNECTION, "operation": operation, **{key: value for key, value in options.items() if value is not None}}
        providers = {"px_backup": self.backend.OPTIONS}
        checked = _validator(self.path).validate(given)
        assert not checked.error_messages
        return resolve(self.path, checked.validated_parameters, set(given), providers, {}, selectors=self.backend.SELECTORS, check_mode=check_mode)

    def run(self, operation: str, *, check_mode: bool = False, **options: Any) -> Outcome:
        self.last = self.task(operation, check_mode, **options)
        waiter = Waiter(self.last["wait_timeout"], self.last["wait_interval"], clock=self.clock, sleep=self.clock.sleep)
        with mock.patch.object(backup, "connect", return_value=self.client), mock.patch.object(restore, "connect", return_value=self.client):
            backend = self.backend(self.last, waiter)
        backend.validate(operation)
        self.report, self.client.has_acted = Report(), False
        return perform(backend, self.last, waiter, self.report)

    def create(self, **options: Any) -> Outcome:
        return self.run("CREATE", **{"name": "shop", **self.options, **options})

    def delete(self, **options: Any) -> Outcome:
        return self.run("DELETE", **{"name": "shop", **options})

    def list_all(self, **options: Any) -> list[str]:
        return [record.name for record in self.run("INSPECT_ALL", **options).records or []]

    @property
    def warnings(self) -> str:
        return " ".join(self.last.warnings if self.last else ())


def bench(path: str) -> Bench:
    """A bench with a backup "nightly" of two namespaces, a cluster, a location, two rules and a policy."""
    nightly, production = {"name": "nightly", "uid": "b-1"}, {"name": "production", "uid": "c-1"}
    objects = {"name": "objects", "uid": "l-1"}
    if path == "restore":
        made = Bench(path, {"backup_ref": {"name": "nightly"}, "cluster_ref": {"name": "production"}}, {})
        made.echo.update(backup_ref=nightly, cluster_ref=production)
    else:
        options = {"backup_location_ref": {"name": "objects"}, "cluster_ref": {"name": "production"}, "namespaces": ["shop"]}
        made = Bench(path, options, {})
        made.echo.update(backup_location_ref=objects, cluster_ref=production, namespaces=["shop"], backup_type={"type": "Normal"})
    client = made.client
    client.put("backup", wire("backup", "nightly", "b-1", "Success", namespaces=["shop", "front"], cluster_ref=production))
    client.put("cluster", wire("cluster", "production", "c-1", "Online"), wire("cluster", "drill", "c-2", "Online"))
    client.put("backuplocation", wire("backuplocation", "objects", "l-1", "Valid"))
    client.put("rule", wire("rule", "flush", "rule-1", None), wire("rule", "thaw", "rule-2", None))
    client.put("volumeresourceonlypolicy", wire("volumeresourceonlypolicy", "lean", "policy-1", None))
    return made


def differing(message: str) -> list[str]:
    """The options that a message about differences names."""
    return re.findall(r"(\w+) \(asked for: ", message)
