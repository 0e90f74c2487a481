# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and listing the backups, or the restores, of one organization."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ...clients.px_backup.client import LONGEST_PAGE, PxBackupClient, Wire
from ...core.arguments import Task
from ...core.errors import AmbiguousName, InvalidRequest, NotFound, ProviderFailure
from ...core.model import CREATE, INSPECT_ALL, Record
from .connection import path_problem
from .records import Shape, provider_words, record_of
from .references import part_of
from .values import object_type, text_map


class Catalog:
    """All backups, or all restores, that the task can see. What it has found or was told (``known``) it looks at directly."""

    def __init__(self, shape: Shape, client: PxBackupClient, task: Task) -> None:
        self._shape, self._kind, self._client, self._task = shape, shape.kind, client, task
        self.tags = text_map("tags", task["tags"])
        self.known: tuple[str, str] | None = None

    def validate(self) -> None:
        """Raise InvalidRequest for what is wrong with the options that backups and restores share."""
        if self._task.operation != INSPECT_ALL and self._task["name"]:
            problem = path_problem("name", self._task["name"])
            if problem:
                raise InvalidRequest(problem)
        object_type(self._task["backup_object_type"])
        provider_words(self._shape, self._task["status"] or [])

    def find(self) -> Record | None:
        """What name and uid say, with all details. Raises AmbiguousName, and InvalidRequest when the two do not agree."""
        if not self.known:
            item = self.search(self._task["name"], self._task["uid"])
            if not item:
                return None
            self.known = (part_of(item, "name"), part_of(item, "uid"))
        return self.look()

    def look(self) -> Record | None:
        """The known object as it is now; None when it is gone, also when another has taken its name."""
        if not self.known:
            return None
        try:
            wire = self._client.inspect(self._kind, *self.known)
        except NotFound as error:
            if error.http_status == 404 or not self._is_listed(*self.known):
                return None
            # The words "not found" in an internal error may be about something else, such as its cluster.
            raise ProviderFailure(error.message, code=error.code, http_status=error.http_status, transient=True) from error
        record = record_of(self._shape, wire)
        return record if record.uid in ("", self.known[1]) else None

    def _is_listed(self, name: str, uid: str) -> bool:
        return any(part_of(item, "uid") == uid for item in self._client.enumerate(self._kind, [("name_filter", name)]))

    def search(self, name: str | None, uid: str | None) -> Wire | None:
        """The one listed object that name, uid or both mean. Raises AmbiguousName, and InvalidRequest when the two do not agree."""
        listed = self._client.enumerate(self._kind, [("name_filter", name)] if name else [])
        matches = [item for item in listed if (part_of(item, "name") == name if name else part_of(item, "uid") == uid)]
        if name and uid:
            matches = self._agreeing(name, uid, matches)
        if len(matches) > 1:
            raise AmbiguousName(f'{len(matches)} {self._kind.many} have the name "{name}"; say which by its uid: {_uids(matches)}.')
        return matches[0] if matches else None

    def _agreeing(self, name: str, uid: str, named: list[Wire]) -> list[Wire]:
        """Those of the objects named ``name`` that have the uid as well."""
        chosen = [item for item in named if part_of(item, "uid") == uid]
        if not named:
            others = [part_of(item, "name") for item in self._client.enumerate(self._kind) if part_of(item, "uid") == uid]
            if others:
                raise InvalidRequest(f'name and uid do not agree: {uid} is the uid of "{others[0]}".')
        elif not chosen and self._task.operation == CREATE:
            # A server may give a new object another uid than it was asked for: the second run must find what the first one made.
            self._task.warn(f'"{name}" has the uid {_uids(named)}, not {uid}.')
            return named
        elif not chosen:
            raise InvalidRequest(f'name and uid do not agree: "{name}" has the uid {_uids(named)}, not {uid}.')
        return chosen

    def list_all(self, keep: Callable[[Wire], bool] | None = None, limited: bool = True) -> Iterator[Record]:
        """What the filters let through; ``keep``, the tags and (if ``limited``) max_objects choose here, everything else at the server."""
        limit = (self._task["max_objects"] or None) if limited else None
        options: list[tuple[str, str]] = [(name, self._task[name]) for name in ("name_filter", "cluster_name_filter", "cluster_uid_filter") if self._task[name]]
        options += [("owners", owner) for owner in self._task["owners"] or []]
        options += [("status", word) for word in provider_words(self._shape, self._task["status"] or [])]
        wanted_type = object_type(self._task["backup_object_type"])
        options += [("backup_object_type", wanted_type)] if wanted_type else []
        options += [("include_detailed_resources", str(self._task["include_detailed_resources"]).lower())]
        # What is chosen here may be anywhere in the list; only then are full pages worth it.
        page_size = min(LONGEST_PAGE, limit) if limit and not keep and not self.tags else LONGEST_PAGE
        for number, wire in enumerate(self._filtered(self._client.enumerate(self._kind, options, page_size), keep), 1):
            yield record_of(self._shape, wire)
            if number == limit:
                return

    def _filtered(self, listed: Iterable[Wire], keep: Callable[[Wire], bool] | None) -> Iterator[Wire]:
        for wire in listed:
            labels = (wire.get("metadata") or {}).get("labels") or {}
            if (keep is None or keep(wire)) and all(labels.get(key) == value for key, value in self.tags.items()):
                yield wire


def _uids(items: list[Wire]) -> str:
    return ", ".join(part_of(item, "uid") for item in items)
