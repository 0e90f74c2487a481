# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a request to Compute Engine is made, repeated and told of: reads as plain JSON, lists page by page, changes with a request id."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from ...core.errors import InvalidRequest, NotFound, OutcomeUnknown, ProviderFailure, RecoveryError, WaitTimeout
from ...transport.retry import Retry
from ...transport.trouble import Trouble, repeated, retold
from .answers import key_secrets, metadata_values, scrubbed
from .objects import Operation, Place, Wire, operation
from .sdk import Change, GceSdk
from .session import GceSession, limited

T = TypeVar("T")

_LONGEST_PAGE = 500
_PART = re.compile(r"[\w.:~-]+", re.ASCII)
_WORDS = {
    "insert": "create", "setLabels": "set the labels of", "attachDisk": "attach a disk to", "detachDisk": "detach a disk from",
    "setDiskAutoDelete": "set autoDelete of a disk of", "startWithEncryptionKey": "start",
}  # fmt: skip


class GceCalls:
    """One project's requests.

    Reads do not go through the SDK: it drops the fields that it does not know, and takes several times as long for a list.
    All methods raise what the answer means, and what the guard raises before a request leaves; a change of which nobody knows whether it
    was carried out raises OutcomeUnknown.
    """

    def __init__(self, project: str, session: GceSession, sdk: GceSdk, *, timeout_s: float, retry: Retry, on_secret: Callable[[str], None]) -> None:
        self.project = project
        self._session = session
        self._sdk = sdk
        self._timeout_s = timeout_s
        self._retry = retry
        self._on_secret = on_secret
        self.acted = False

    def for_target(self, retry: Retry) -> GceCalls:
        """The same project over the same session, within the limits of another target; what the others did does not count as done here."""
        return GceCalls(self.project, self._session, self._sdk, timeout_s=self._timeout_s, retry=retry, on_secret=self._on_secret)

    def close(self) -> None:
        """Close the connections of the session, which all targets share."""
        self._session.close()

    def read(self, what: str, *path: str, project: str | None = None, body: Wire | None = None, **query: Any) -> Wire:
        """GET {path}, or POST with a body where the API reads so: the answer's JSON. ``path`` begins after the project; its parts are names."""
        url = self._url(path, project)

        def send() -> Wire:
            # A read need not outlast the task.
            limit_s = min(self._timeout_s, max(1.0, self._retry.remaining_s()))
            with limited(limit_s, self._retry, changes=False):
                return self._raw("POST" if body is not None else "GET", url, query, body)

        try:
            return self._repeat(f"read {what}", send, changes=False)
        except ProviderFailure as error:
            if error.transient and self._retry.remaining_s() <= 0:
                # There was no time left for an answer, so that nothing is known of the provider's health.
                raise WaitTimeout(f"the deadline passed: {error.message}", transient=True) from error
            raise

    def find(self, what: str, *path: str, **request: Any) -> Wire | None:
        """The same for one resource: None when it, and not something that it lies in, does not exist."""
        try:
            found = self.read(what, *path, **request)
        except NotFound as error:
            missing = re.search("resource '([^']+)'", error.message)
            if missing and missing.group(1).rpartition("/")[2] != path[-1]:
                raise
            return None
        if not found.get("name"):
            raise ProviderFailure(f"could not read {what}: {self._session.server} answered without a name.", transient=True)
        return found

    def pages(self, what: str, *path: str, filter: str | None = None, body: Wire | None = None) -> Iterator[Wire]:
        """GET {path} page by page: every item. An empty page is not the end.

        Raises ProviderFailure for a list that Google says is not complete: what is not listed there may well exist. Raises WaitTimeout
        when the deadline passes before the last page.
        """
        return self._pages(what, path, filter, body, lambda page: self._items(what, page))

    def aggregated(self, what: str, collection: str, filter: str | None = None) -> Iterator[Wire]:
        """GET aggregated/{collection} page by page: every item of every zone and region. Raises as ``pages``, naming the part that is missing."""
        return self._pages(what, ("aggregated", collection), filter, None, lambda page: self._items_of_scopes(what, collection, page))

    def _pages(self, what: str, path: Iterable[str], filter: str | None, body: Wire | None, items: Callable[[Wire], Iterable[Wire]]) -> Iterator[Wire]:
        token, seen = "", set[str]()
        while True:
            query = {name: value for name, value in (("filter", filter), ("pageToken", token)) if value}
            page = self.read(what, *path, body=body, maxResults=_LONGEST_PAGE, **query)
            yield from items(page)
            token = str(page.get("nextPageToken") or "")
            if not token:
                return
            if token in seen:
                raise ProviderFailure(f"could not read {what}: incomplete list, {self._session.server} gives the same page again and again.")
            seen.add(token)
            if self._retry.remaining_s() <= 0:
                raise WaitTimeout(f"the deadline passed: {what} could not be read to the end, {len(seen)} pages were.", transient=True)

    def change(self, place: Place, collection: str, action: str, name: str = "", *, body: Wire | None = None, raw: bool = False, **query: Any) -> Operation:
        """POST {place}/{collection}/{name}/{action}, or for insert and delete POST and DELETE without it: the operation that Google began.

        Goes through the SDK, unless ``raw`` or a field that the SDK does not know asks for plain JSON. One requestId, where the call
        has one, is kept over all repetitions.
        """
        change = Change(place, collection, action, name, query, body)
        url = self._url((*place.path.split("/"), collection, *filter(None, [name, "" if action in ("insert", "delete") else action])))
        request_id = {"requestId": str(uuid.uuid4())} if self._sdk.takes(change, "requestId") else {}
        query = {key: value for key, value in {**query, **request_id}.items() if value is not None}
        by_sdk = None if raw else self._sdk.send(change, self.project, query)
        keys = key_secrets(body)
        for key in keys:
            self._on_secret(key)

        def send() -> Operation:
            # It is given its time even past the deadline, because its answer tells what happened.
            with limited(self._timeout_s, self._retry, changes=True):
                wire = by_sdk() if by_sdk else self._raw("DELETE" if action == "delete" else "POST", url, query, body)
            if not wire.get("name"):
                raise Trouble(ProviderFailure(f"{self._session.server} answered without an operation.", transient=True), acted=True)
            return operation(wire)

        target = name or str((body or {}).get("name", ""))
        what = f'{_WORDS.get(action, action)} {spaced(change.singular)} "{target}"{where(place)}'
        try:
            begun = self._repeat(what, send, changes=True, secrets=keys | metadata_values(body))
        except OutcomeUnknown:
            self.acted = True
            raise
        self.acted = True
        return begun

    def place_to_hold(self) -> AbstractContextManager[bool]:
        """Whether one more request may be held by the server for minutes."""
        return self._session.place_to_hold()

    def operation(self, seen: Operation, *, hold: bool, timeout_s: float) -> Operation:
        """POST {place}/operations/{name}/wait, or GET without ``hold``, once. Raises Trouble."""
        with limited(timeout_s, self._retry, changes=False):
            wire = self._sdk.operation("wait" if hold else "get", seen.place, self.project, seen.name)
        if wire.get("name") != seen.name:
            raise Trouble(ProviderFailure(f"{self._session.server} answered without the operation {seen.name}.", transient=True))
        return operation(wire)

    @property
    def timeout_s(self) -> float:
        return self._timeout_s

    def _raw(self, method: str, url: str, query: Mapping[str, Any], body: Wire | None) -> Wire:
        params = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
        sent: dict[str, Any] = {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}} if body is not None else {}
        return self._session.exchange(method, url, params=params, **sent)[1]

    def _repeat(self, what: str, send: Callable[[], T], *, changes: bool, secrets: Iterable[str] = ()) -> T:
        def acted() -> None:
            self.acted = True

        return repeated(send, self._retry, lambda error: self.told(error, f"could not {what}", secrets), changes=changes, on_acted=acted)

    def told(self, error: RecoveryError, attempted: str, secrets: Iterable[str] = ()) -> RecoveryError:
        """The error with what was attempted, and without secrets."""
        return retold(error, scrubbed(f"{attempted}: {error.message}", {*secrets, *self._session.secrets}))

    def _url(self, path: Iterable[str], project: str | None = None) -> str:
        parts = ["projects", project or self.project, *path]
        for part in parts:
            # The SDK puts names into its addresses as they are.
            if not _PART.fullmatch(part) or part in (".", ".."):
                raise InvalidRequest(f'"{part}" is no name that Compute Engine knows: it cannot be part of an address.')
        return f"{self._session.base_url}/compute/v1/{'/'.join(parts)}"

    def _items(self, what: str, page: Wire) -> list[Wire]:
        """The items of a page. Raises ProviderFailure for what is no list, or not a complete one."""
        items = page.get("items", [])
        if not ("kind" in page or "items" in page) or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ProviderFailure(f"could not read {what}: {self._session.server} answered without a list.", transient=True)
        _refuse_part(what, page)
        return items

    def _items_of_scopes(self, what: str, collection: str, page: Wire) -> list[Wire]:
        """The items of all zones and regions on a page of an aggregated list."""
        scopes = page.get("items", {})
        if not ("kind" in page or "items" in page) or not isinstance(scopes, dict) or not all(isinstance(part, dict) for part in scopes.values()):
            raise ProviderFailure(f"could not read {what}: {self._session.server} answered without a list.", transient=True)
        _refuse_part(what, page)
        found: list[Wire] = []
        for scope, part in scopes.items():
            _refuse_part(f"{what} in {scope}", part)
            found += self._items(f"{what} in {scope}", {"items": part.get(collection, [])})
        return found


def _refuse_part(what: str, page: Wire) -> None:
    """Raise ProviderFailure for a list of which Google says that a part is missing."""
    said = page.get("warning") or {}
    code = str(said.get("code") or "")
    if page.get("unreachables") or (code and code != "NO_RESULTS_ON_PAGE" and not code.startswith("DEPRECATED")):
        text = str(said.get("message") or "a part of it was not reached").rstrip(".")
        raise ProviderFailure(f"could not read {what}: incomplete list ({code or 'UNREACHABLE'}): {text}.", code=code or "UNREACHABLE", transient=True)


def where(place: Place) -> str:
    """The place as a message ends with it; nothing for what is everywhere."""
    return f" in {place.scope} {place.name}" if place.name else ""


def spaced(word: str) -> str:
    """A word of the API as a message has it: ``machineImage`` is a machine image."""
    return re.sub("([A-Z])", r" \1", word).lower()
