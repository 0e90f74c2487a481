# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a request to Compute Engine is made, repeated and told of: reads as plain JSON, lists page by page, changes with a request id."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from ...core.errors import Conflict, InvalidRequest, NotFound, OutcomeUnknown, ProviderFailure, RecoveryError, WaitTimeout
from ...transport.retry import Retry, TryAgain
from .answers import Trouble, key_secrets, metadata_values, retold, scrubbed, unknown
from .objects import Operation, Place, Wire, operation
from .sdk import Change, GceSdk
from .session import GceSession

T = TypeVar("T")

_LONGEST_PAGE = 500
_PART = re.compile(r"[\w.:~-]+", re.ASCII)
_WORDS = {
    "insert": "create", "setLabels": "set the labels of", "attachDisk": "attach a disk to", "detachDisk": "detach a disk from",
    "setDiskAutoDelete": "set autoDelete of a disk of", "setDeletionProtection": "set the deletion protection of",
    "setMetadata": "set the metadata of", "startWithEncryptionKey": "start",
}  # fmt: skip


class GceCalls:
    """One project's requests.

    Reads do not go through the SDK: it drops the fields that it does not know, and takes several times as long for a list.
    All methods raise what the answer means; a change of which nobody knows whether it was carried out raises OutcomeUnknown.
    """

    def __init__(self, project: str, session: GceSession, sdk: GceSdk, *, timeout_s: float, retry: Retry, on_secret: Callable[[str], None]) -> None:
        self.project = project
        self._session = session
        self._sdk = sdk
        self._timeout_s = timeout_s
        self._retry = retry
        self._on_secret = on_secret
        self.acted = False

    def read(self, what: str, *path: str, project: str | None = None, body: Wire | None = None, **query: Any) -> Wire:
        """GET {path}, or POST with a body where the API reads so: the answer's JSON. ``path`` begins after the project; its parts are names."""
        url = self._url(path, project)

        def send() -> Wire:
            # A read need not outlast the task.
            limit_s = min(self._timeout_s, max(1.0, self._retry.remaining_s()))
            return self._raw("POST" if body is not None else "GET", url, query, body, limit_s)

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

        Raises ProviderFailure for a list that Google says is not complete: what is not listed there may well exist.
        """
        token, seen = "", set[str]()
        while True:
            query = {name: value for name, value in (("filter", filter), ("pageToken", token)) if value}
            page = self.read(what, *path, body=body, maxResults=_LONGEST_PAGE, **query)
            self._check_page(what, page)
            yield from page.get("items", ())
            token = str(page.get("nextPageToken") or "")
            if not token:
                return
            if token in seen:
                raise ProviderFailure(f"could not read {what}: incomplete list, {self._session.server} gives the same page again and again.")
            seen.add(token)

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
            if by_sdk:
                wire = by_sdk(self._timeout_s)
            else:
                wire = self._raw("DELETE" if action == "delete" else "POST", url, query, body, self._timeout_s)
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

    def operation(self, seen: Operation, *, hold: bool, timeout_s: float) -> Operation:
        """POST {place}/operations/{name}/wait, or GET without ``hold``, once. Raises Trouble."""
        wire = self._sdk.operation("wait" if hold else "get", seen.place, self.project, seen.name, timeout_s)
        if wire.get("name") != seen.name:
            raise Trouble(ProviderFailure(f"{self._session.server} answered without the operation {seen.name}.", transient=True))
        return operation(wire)

    @property
    def timeout_s(self) -> float:
        return self._timeout_s

    def _raw(self, method: str, url: str, query: Mapping[str, Any], body: Wire | None, limit_s: float) -> Wire:
        params = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in query.items()}
        sent: dict[str, Any] = {"data": json.dumps(body), "headers": {"Content-Type": "application/json"}} if body is not None else {}
        return self._session.exchange(method, url, params=params, timeout=limit_s, **sent)[1]

    def _repeat(self, what: str, send: Callable[[], T], *, changes: bool, secrets: Iterable[str] = ()) -> T:
        acted = False

        def attempt() -> T:
            nonlocal acted
            try:
                return send()
            except Trouble as trouble:
                acted = acted or (changes and trouble.acted)
                error = self.told(trouble.error, f"could not {what}", secrets)
                if acted and not isinstance(error, (Conflict, NotFound)):
                    # An earlier attempt may have been carried out, whatever this one was told.
                    failure: RecoveryError = unknown(error)
                else:
                    failure = error
                if error.transient:
                    raise TryAgain(failure, trouble.after_s) from trouble
                raise failure from trouble

        return self._retry.run(attempt)

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

    def _check_page(self, what: str, page: Wire) -> None:
        items = page.get("items", [])
        if not ("kind" in page or "items" in page) or not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ProviderFailure(f"could not read {what}: {self._session.server} answered without a list.", transient=True)
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
