# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a handler works with: the call, the project, and the questions that most handlers ask."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..content import EMPTY
from ..faults import FaultRule
from . import operations
from .errors import ApiError, invalid, not_found, zone_down
from .kinds import KINDS, Route
from .links import Ref, parse
from .places import PUBLIC_PROJECT, REGION_OF, is_place
from .store import Project, Resource, World

ZERO_UUID = uuid.UUID(int=0)
REQUEST_ID_LIFETIME_S = 3600.0
# What changes a VM for good or takes something away: watched calls must hold the lock.
DESTRUCTIVE = {("instances", verb) for verb in ("stop", "detachDisk", "attachDisk", "delete", "setDiskAutoDelete")}
DESTRUCTIVE |= {(plural, "delete") for plural in ("disks", "snapshots", "images", "machineImages")}


@dataclass
class Context:
    """One call to one route. `query` keeps the last of repeated names; `body` is {} when there was none."""

    world: World
    project: Project
    route: Route
    params: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    user: str
    fault: FaultRule | None = None
    # A short id of the token.
    caller: str = ""
    # Warnings of the operation: {code, message, data}.
    warnings: list[dict[str, Any]] = field(default_factory=list)
    # What the operation reads: it cannot be deleted until the operation has ended.
    sources: list[Resource] = field(default_factory=list)
    # Called with the moment at which the accepted operation ends.
    when_accepted: list[Callable[[float], None]] = field(default_factory=list)

    def setting(self, name: str) -> Any:
        """A setting as the project sees it."""
        return self.world.settings.get(name, self.project.name)

    @property
    def plural(self) -> str:
        """The kind that the route is about."""
        return self.route.plural

    @property
    def place(self) -> str:
        """ "zones/Z", "regions/R" or "global"; whether it exists was seen before the handler."""
        if "zone" in self.params:
            return f"zones/{self.params['zone']}"
        return f"regions/{self.params['region']}" if "region" in self.params else "global"

    def flag(self, name: str) -> bool:
        """A boolean of the query."""
        return self.query.get(name, "false").lower() in ("true", "1")

    def resource(self) -> Resource:
        """What the path names. Raises ApiError (notFound)."""
        singular = KINDS[self.plural].singular
        return self.need(Ref(self.project.name, self.place, self.plural, self.params.get(singular) or self.params["resource"]))

    def need(self, ref: Ref) -> Resource:
        """A resource, of another project too. Raises ApiError (notFound; backendError when its zone is out)."""
        word, _slash, zone = ref.place.partition("/")
        if word == "zones" and zone in self.setting("zones_down"):
            raise zone_down(zone)
        project = self.world.projects.get(ref.project)
        if project is None and ref.project == PUBLIC_PROJECT:
            project = public_project(self.world)
        found = project.find(ref.place, ref.plural, ref.name) if project is not None and is_place(ref.place) else None
        if found is None:
            raise not_found(ref.path)
        return found

    def linked(self, text: Any, field_name: str, plural: str) -> Resource:
        """The resource that a URL in the body names. Raises ApiError."""
        return self.need(parse(text, self.project.name, field_name, plural))

    def warn(self, code: str, message: str, **data: str) -> None:
        """Adds a warning to the operation."""
        self.warnings.append({"code": code, "message": message, "data": [{"key": key, "value": value} for key, value in data.items()]})

    def require_free(self, name: str, plural: str | None = None, place: str | None = None) -> None:
        """A name is taken until the deletion of its owner has ended. Raises ApiError (alreadyExists)."""
        ref = Ref(self.project.name, place or self.place, plural or self.plural, name)
        if self.project.find(ref.place, ref.plural, name) is not None:
            raise ApiError("alreadyExists", f"The resource '{ref.path}' already exists")

    def discard(self, resource: Resource) -> None:
        """What becomes of a disk, snapshot or image whose creation failed: gone, or left as FAILED, without bytes, when the settings say so."""
        if self.setting("failed_stay"):
            resource.data["status"] = "FAILED"
            resource.content = EMPTY
        else:
            self.project.remove(resource)

    def require_staying(self, resource: Resource) -> None:
        """Raises ApiError while its deletion has not ended."""
        if any(operation.target is resource and operation.data["operationType"] == "delete" for operation in self.project.running_operations()):
            raise ApiError("resourceNotReady", f"The resource '{resource.ref.path}' is not ready")

    def require_unread(self, resource: Resource) -> None:
        """Raises ApiError while something is made from it."""
        word = KINDS[resource.plural].singular
        for project in self.world.projects.values():
            for operation in project.running_operations():
                if any(source is resource for source in operation.sources):
                    message = f"The {word} resource '{resource.ref.path}' is already being used by '{operation.target.ref.path}'"
                    raise ApiError("resourceInUseByAnotherResource", message, 400, "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE")

    def pending(self, instance: Resource) -> int:
        """How many operations on the VM have not ended."""
        return sum(1 for operation in self.project.running_operations() if operation.target is instance)

    def require_room(self, instance: Resource) -> None:
        """Raises ApiError when as many operations on the VM as the settings allow have not ended."""
        most = int(self.setting("most_pending"))
        if most and self.pending(instance) >= most:
            raise ApiError("rateLimitExceeded", f"Too many pending operations on a resource: '{instance.ref.path}'.", 403)

    def operation(
        self,
        target: Resource,
        effect: Callable[[], None] = operations.nothing,
        undo: Callable[[], None] = operations.nothing,
        kind: str | None = None,
        place: str | None = None,
        touched: Sequence[Resource] = (),
    ) -> dict[str, Any]:
        """Accepts the mutation: its operation, and the same one again for the same requestId. Call it after all that can refuse."""
        verb = kind or self.route.verb
        if (target.plural, verb) in DESTRUCTIVE:
            for watch in self.project.watches:
                watch.on_destructive(verb, target, self.caller)
        request_id = self.query.get("requestId")
        operation = operations.start(self.project, place or self.place, verb, target, self.user, effect, undo, request_id, self.fault)
        operation.touched, operation.sources = list(touched), list(self.sources)
        operation.warnings, operation.caller = self.warnings, self.caller
        operation.show_warnings()
        self.project.history.begins(iter((target, *touched)))
        for plan in self.when_accepted:
            plan(operation.ends_s)
        if request_id:
            self.project.requests[self.request_key()] = operation
        operations.committed(self.project)
        return operation.data

    def request_key(self) -> str:
        """What makes a repeated request the same one."""
        return f"{self.route.method_id} {self.query.get('requestId', '')}"

    def replayed(self) -> operations.Operation | None:
        """The operation that this requestId began within the last hour. Raises ApiError for an id that is none."""
        text = self.query.get("requestId")
        if text is None or self.route.method == "GET":
            return None
        try:
            if uuid.UUID(text) == ZERO_UUID:
                raise ValueError("zero")
        except ValueError as error:
            raise invalid("requestId", text, "The request ID must be a valid UUID and not the zero UUID.") from error
        found = self.project.requests.get(self.request_key())
        return found if found is not None and self.world.clock.now() - found.began_s < REQUEST_ID_LIFETIME_S else None

    def require_place(self) -> None:
        """Raises ApiError: notFound for a place that does not exist, backendError for a zone that is out."""
        zone, region = self.params.get("zone"), self.params.get("region")
        if zone is not None and zone not in REGION_OF:
            raise not_found(f"projects/{self.project.name}/zones/{zone}")
        if region is not None and not is_place(f"regions/{region}"):
            raise not_found(f"projects/{self.project.name}/regions/{region}")
        if zone is not None and zone in self.setting("zones_down") and self.plural != "zones":
            raise zone_down(zone)


def public_project(world: World) -> Project:
    """The project of public images, made on first use."""
    from .seeds import fill_public_project  # seeds make disks, which need a context

    if PUBLIC_PROJECT not in world.projects:
        world.projects[PUBLIC_PROJECT] = Project(world, PUBLIC_PROJECT)
        fill_public_project(world.projects[PUBLIC_PROJECT])
    return world.projects[PUBLIC_PROJECT]
