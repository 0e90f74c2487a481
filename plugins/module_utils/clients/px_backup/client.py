# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PX-Backup's REST API: one method per call, paging, tokens, and what its error answers mean.

The calls follow the API description that Portworx publishes with each release, ``pkg/apis/v1/api.swagger.json`` in
https://github.com/portworx/px-backup-api (branch 2.8.1 and later). Objects keep the shape of the wire, which is snake_case
already: ``{"metadata": {...}, "restore_info": {...}}``; an error body is ``{"error", "message", "code"}`` with a gRPC code.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ...core.errors import AuthenticationFailed, OutcomeUnknown, ProviderFailure, WaitTimeout
from ...transport.exchange import Limits
from ...transport.failures import Unanswered
from ...transport.http import Answer, HttpTransport, Query
from ...transport.retry import Retry
from ...transport.session import Tls, acquire
from .answers import meaning, meaning_of_login

Wire = Mapping[str, Any]

# The server caps a page as it likes; this keeps one answer well below the time limit.
LONGEST_PAGE = 200
_PASSES = 3
# A server that gives the same page whatever it is asked for must not be asked for ever.
_IDLE_PAGES = 3


@dataclass(frozen=True)
class Kind:
    """A kind of object: ``path`` and ``one`` as the API spells them, ``many`` the list's key in an enumeration."""

    path: str
    one: str
    many: str
    paged: bool = False


BACKUP = Kind("backup", "backup", "backups", paged=True)
RESTORE = Kind("restore", "restore", "restores", paged=True)
CLUSTER = Kind("cluster", "cluster", "clusters")
BACKUP_LOCATION = Kind("backuplocation", "backup_location", "backup_locations")
BACKUP_SCHEDULE = Kind("backupschedule", "backup_schedule", "backup_schedules", paged=True)
RULE = Kind("rule", "rule", "rules")


@dataclass(frozen=True)
class Login:
    """How to get tokens from ``auth_url``, the address of PX-Backup's Keycloak."""

    auth_url: str
    username: str = field(repr=False)
    password: str = field(repr=False)


class PxBackupClient:
    """One organization of one PX-Backup server.

    Give a ``token``, a ``login``, or both: then the token is used until it is refused. ``on_secret`` is told every token that is
    fetched. All methods raise the errors of ``core.errors`` that the answer means.
    """

    def __init__(
        self,
        api_url: str,
        org_id: str,
        *,
        token: str | None,
        login: Login | None,
        tls: Tls,
        timeout_s: float,
        retry: Retry,
        on_secret: Callable[[str], None],
    ) -> None:
        self.org_id = org_id
        self._token = token
        self._login = login
        self._on_secret = on_secret
        self._renewal = threading.Lock()
        self._retry = retry
        self._http = HttpTransport(api_url, tls=tls, timeout_s=timeout_s, retry=retry, translate=meaning, authorization=self._bearer)
        if login:
            self._auth = HttpTransport(login.auth_url, tls=tls, timeout_s=timeout_s, retry=retry, translate=meaning_of_login, changes=False, option="auth_url")

    def close(self) -> None:
        """Close the connections, when the task has ended."""
        self._http.close()
        if self._login:
            self._auth.close()

    def acted(self) -> bool:
        """Whether any change was accepted, or may have been."""
        return self._http.acted

    def enumerate(self, kind: Kind, options: Query = (), page_size: int = LONGEST_PAGE) -> Iterator[Wire]:
        """GET /v1/{kind}/{org_id}: every object once; ``options`` are (name, value) of enumerate_options.

        Pages are asked for as they are used up, until one brings nothing new. Objects that vanish meanwhile move others to a page
        that was read already, so a total that shrinks makes the reading start again.
        """
        given: set[str] = set()
        for _pass in range(_PASSES):
            index, total, shrunk, idle, read = 0, 0, False, 0, set[str]()
            while idle < _IDLE_PAGES:
                page, page_total = self._page(kind, options, index, page_size)
                shrunk, total = shrunk or page_total < total, page_total
                by_key = {_key(item): item for item in page}
                for key, item in by_key.items():
                    if key not in given:
                        given.add(key)
                        yield item
                index += len(page)
                # Objects made meanwhile push known ones onto this page, so with more to come by the total, it need not be the last.
                idle = idle + 1 if by_key.keys() <= read else 0
                if not page or (index >= total and (idle or not kind.paged)):
                    break
                if self._retry.remaining_s() <= 0:
                    raise WaitTimeout(f"the deadline passed: {kind.many} could not be read to the end, {len(given)} were.", transient=True)
                read |= by_key.keys()
            if not shrunk:
                return

    def _page(self, kind: Kind, options: Query, index: int, page_size: int) -> tuple[list[Wire], int]:
        query = [(f"enumerate_options.{name}", value) for name, value in options]
        # Older servers give all clusters and locations at once and know no paging for them; newer ones cap the answer.
        if kind.paged or index:
            query += [("enumerate_options.max_objects", str(page_size)), ("enumerate_options.object_index", str(index))]
        body = self._object(self._send("GET", _path(kind.path, self.org_id), query=query))
        page, total = list(body.get(kind.many) or []), int(body.get("total_count") or 0)
        if total and not page and not index:
            # Taking this for an empty list would call a deletion done.
            raise ProviderFailure(f"{self._http.server} announced {total} {kind.many} and sent none.", transient=True)
        return page, total

    def version(self) -> tuple[int, ...]:
        """GET /v1/version: major, minor and patch as numbers; empty when the server does not say them as such."""
        said = self._object(self._send("GET", _path("version"))).get("version") or {}
        parts = [str(said.get(part) or "") for part in ("major", "minor", "patch")]
        return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()

    def inspect(self, kind: Kind, name: str, uid: str) -> Wire:
        """GET /v1/{kind}/{org_id}/{name}?uid=: the object with all its resources. Raises NotFound."""
        answer = self._send("GET", _path(kind.path, self.org_id, name), query=[("uid", uid)])
        found = self._object(answer).get(kind.one)
        if not found:
            # Neither there nor "not found": taking this for absence would call a deletion done.
            raise ProviderFailure(f"{self._http.server} answered HTTP {answer.status} without the {kind.one}.", http_status=answer.status, transient=True)
        return dict(found)

    def create(self, kind: Kind, body: Wire) -> Wire:
        """POST /v1/{kind}: the new object as the server answers it, usually still pending.

        Raises OutcomeUnknown when it may or may not have been created, Conflict when the name is taken.
        """
        answer = self._send("POST", _path(kind.path), body=body, repeatable=False)
        made = answer.body.get(kind.one) if isinstance(answer.body, Mapping) else None
        if not made:
            raise OutcomeUnknown(f"{self._http.server} answered HTTP {answer.status} without the new {kind.one}.", http_status=answer.status)
        return dict(made)

    def update(self, kind: Kind, body: Wire) -> None:
        """PUT /v1/{kind}: replace labels and ownership by those in ``body["metadata"]``."""
        self._send("PUT", _path(kind.path), body=body)

    def delete(self, kind: Kind, name: str, uid: str, query: Query = ()) -> None:
        """DELETE /v1/{kind}/{org_id}/{name}?uid=: ask for deletion, which goes on after the answer. Raises NotFound."""
        self._send("DELETE", _path(kind.path, self.org_id, name), query=[("uid", uid), *query])

    def _send(self, method: str, path: str, **request: Any) -> Answer:
        if not self._token:
            # Here, so that a login that fails is not taken for a token that was refused.
            self._renew(None)
        token = self._token
        try:
            return self._http.send(method, path, **request)
        except AuthenticationFailed as error:
            # The request itself was refused, so repeating it with a new token is safe for writes as well.
            if error.http_status != 401 or not self._login:
                raise
            self._renew(token)
            return self._http.send(method, path, **request)

    def _bearer(self) -> str:
        return f"Bearer {self._token}"

    def _renew(self, refused: str | None) -> None:
        """POST /auth/realms/master/protocol/openid-connect/token, unless another thread has already replaced ``refused``."""
        try:
            acquire(self._renewal, Limits(0, cancelled=self._retry.cancelled, remaining_s=self._retry.remaining_s), "a login by another thread")
        except Unanswered as failure:
            raise failure.error from failure
        try:
            if self._token != refused or not self._login:
                return
            form = {"grant_type": "password", "client_id": "pxcentral", "username": self._login.username, "password": self._login.password}
            # token-duration: what PX-Backup's own tools ask for; a token that ends earlier is renewed when it is refused.
            answer = self._auth.send("POST", "/auth/realms/master/protocol/openid-connect/token", form={**form, "token-duration": "7d"})
            token = self._object(answer).get("access_token")
            if not token:
                raise AuthenticationFailed(f"{self._auth.server} answered without a token.", http_status=answer.status)
            self._on_secret(token)
            self._token = token
        finally:
            self._renewal.release()

    def _object(self, answer: Answer) -> Mapping[str, Any]:
        if isinstance(answer.body, Mapping):
            return answer.body
        raise ProviderFailure(f"{self._http.server} answered HTTP {answer.status} without a JSON object.", http_status=answer.status, transient=True)


def _key(item: Wire) -> str:
    metadata = item.get("metadata") or {}
    return str(metadata.get("uid") or metadata.get("name"))


def _path(*parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)
