# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The routes of the API: method, template, handler, and the versions of the server that have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import backups, inventory, restores
from .context import Context
from .errors import UNIMPLEMENTED, ApiError
from .inventory import CLUSTERS, CREDENTIALS, LOCATIONS, RULES, SCHEDULES, Handler

EVER = (0,)
NEVER = (999,)
TOKEN_ROUTE = "/auth/realms/master/protocol/openid-connect/token"


@dataclass(frozen=True)
class Route:
    """One route. It exists in versions from `since` up to but not including `until`."""

    method: str
    template: str
    handler: Handler
    since: tuple[int, ...] = EVER
    until: tuple[int, ...] = NEVER

    def params(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The path's parts by name, None when the path is another one. A part matches one segment, an empty one too."""
        parts = self.template.strip("/").split("/")
        if len(parts) != len(segments) or any(not part.startswith("{") and part != value for part, value in zip(parts, segments)):
            return None
        return {part.strip("{}"): value for part, value in zip(parts, segments) if part.startswith("{")}

    @property
    def literal_parts(self) -> int:
        """How specific the template is."""
        return sum(not part.startswith("{") for part in self.template.split("/"))


def health(ctx: Context) -> dict[str, Any]:
    """GET /v1/health."""
    return {}


def version(ctx: Context) -> dict[str, Any]:
    """GET /v1/version: the parts of the version as strings."""
    major, minor, patch = (*ctx.setting("server_version").split("."), "0", "0")[:3]
    return {"version": {"major": major, "minor": minor, "patch": patch, "git_commit": "simulator", "build_date": "2026-01-01T00:00:00Z"}}


def unimplemented(ctx: Context) -> dict[str, Any]:
    """A route that the real server has and the simulator only knows of."""
    raise ApiError(UNIMPLEMENTED, "not implemented by the simulator")


def _inventory_routes() -> list[Route]:
    routes: list[Route] = []
    for path, kind in (("cluster", CLUSTERS), ("backuplocation", LOCATIONS), ("rule", RULES), ("cloudcredential", CREDENTIALS), ("backupschedule", SCHEDULES)):
        base, named, with_uid = f"/v1/{path}", f"/v1/{path}/{{org_id}}/{{name}}", f"/v1/{path}/{{org_id}}/{{name}}/{{uid}}"
        # 2.10 moved the uid of clusters and locations from the path to the query; schedules always had it there, rules and credentials never.
        moves = (2, 10) if kind in (CLUSTERS, LOCATIONS) else EVER if kind is SCHEDULES else NEVER
        # Deleting a cluster has had the uid in the query from the start.
        delete_moves = EVER if kind is CLUSTERS else moves
        routes += [
            Route("POST", base, inventory.create(kind)),
            Route("PUT", base, inventory.update(kind)),
            Route("GET", f"{base}/{{org_id}}", inventory.enumerate_all(kind)),
            Route("GET", with_uid, inventory.inspect(kind), until=moves),
            Route("GET", named, inventory.inspect(kind), since=moves),
            Route("DELETE", with_uid, inventory.delete(kind), until=delete_moves),
            Route("DELETE", named, inventory.delete(kind), since=delete_moves),
        ]
    return routes


ROUTES: tuple[Route, ...] = (
    Route("GET", "/v1/health", health),
    Route("GET", "/v1/version", version),
    Route("POST", "/v1/backup", backups.create_backup),
    Route("PUT", "/v1/backup", backups.update_backup),
    Route("PUT", "/v1/backup/updatebackupshare", backups.share_backup),
    Route("GET", "/v1/backup/{org_id}", backups.enumerate_backups),
    Route("POST", "/v1/backup/{org_id}/enumerate", backups.enumerate_backups, since=(2, 9)),
    Route("GET", "/v1/backup/{org_id}/{name}", backups.inspect_backup),
    Route("DELETE", "/v1/backup/{org_id}/{name}", backups.delete_backup),
    Route("POST", "/v1/restore", restores.create_restore),
    Route("PUT", "/v1/restore", restores.update_restore),
    Route("GET", "/v1/restore/{org_id}", restores.enumerate_restores),
    Route("GET", "/v1/restore/{org_id}/{name}", restores.inspect_restore),
    Route("DELETE", "/v1/restore/{org_id}/{name}", restores.delete_restore),
    # The activity timeline: a name with a slash in it ends up here.
    Route("GET", "/v1/restore/{org_id}/{days}/{interval}", unimplemented),
    *_inventory_routes(),
)


def find_routes(segments: Sequence[str]) -> list[tuple[Route, dict[str, str]]]:
    """All routes that fit a path, of any method and version, the most specific first."""
    fitting = [(route, params) for route in ROUTES if (params := route.params(segments)) is not None]
    return sorted(fitting, key=lambda pair: -pair[0].literal_parts)
