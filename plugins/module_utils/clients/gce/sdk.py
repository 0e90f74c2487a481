# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's own library for what changes something: loaded when it is first needed, its services made once, its messages as wire JSON."""

from __future__ import annotations

import importlib.util
import re
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import MissingLibrary, ProviderFailure
from ...transport.trouble import Trouble
from .objects import REGION, Place, Wire
from .session import LIBRARY, GceSession

_USE = "to send changes to Compute Engine"


@dataclass(frozen=True)
class Change:
    """A request that changes something, as the API spells it: ``POST {place}/{collection}/{name}/{action}?{query}``."""

    place: Place
    collection: str
    action: str
    name: str
    query: Mapping[str, Any]
    body: Wire | None

    @property
    def singular(self) -> str:
        """The name of one of the collection's resources, as the parameters of a path spell it."""
        return singular(self.collection)

    @property
    def service(self) -> str:
        """The SDK's service: disks of a region have one of their own."""
        prefix = "Region" if self.collection == "disks" and self.place.scope == REGION else ""
        return prefix + _capital(self.collection)


class GceSdk:
    """google-cloud-compute over our session.

    It takes a second to load, so that is done by the first change: a task that finds nothing to change never pays for it. That it is
    installed is checked at once: raises MissingLibrary.
    """

    def __init__(self, session: GceSession) -> None:
        try:
            there = importlib.util.find_spec("google.cloud.compute_v1") is not None
        except ModuleNotFoundError:  # Not even google.cloud is there.
            there = False
        if not there:
            raise MissingLibrary(_USE, library=LIBRARY, trace="The package google.cloud.compute_v1 was not found.")
        self._session = session
        self._lock = threading.RLock()
        self._services: dict[str, Any] = {}

    def takes(self, change: Change, parameter: str) -> bool:
        """Whether the call has a parameter of this name, which it may have in the query or in the path."""
        with self._lock:
            return parameter in _fields(self._request_class(change))

    def send(self, change: Change, project: str, query: Mapping[str, Any]) -> Callable[[], Wire] | None:
        """How to send the change; None when the SDK does not know all fields of the body, and so would lose some."""
        with self._lock:
            made = self._request_class(change)
            fields = _fields(made)
            one = change.singular if change.singular in fields else "resource"
            given: Wire = {"project": project, **query}
            given.update({change.place.scope: change.place.name} if change.place.name else {})
            given.update({one: change.name} if change.name else {})
            if change.body is not None:
                given[next((name for name, is_message in fields.items() if is_message), "body")] = change.body
            request, json_format = made(), _json_format()
            try:
                json_format.ParseDict(given, made.pb(request))
            except json_format.ParseError:
                return None
            call = getattr(self._service(change.service), f"{_snake(change.action)}_unary")
        return lambda: self._wire(call, request)

    def operation(self, action: str, place: Place, project: str, name: str) -> Wire:
        """POST {place}/operations/{name}/wait, or GET {place}/operations/{name}: the operation as it is now. Raises Trouble."""
        with self._lock:
            call = getattr(self._service(f"{_capital(place.scope)}Operations"), action)
        request = {"project": project, "operation": name, **({place.scope: place.name} if place.name else {})}
        return self._wire(call, request)

    def _wire(self, call: Any, request: Any) -> Wire:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        json_format = _json_format()
        try:
            # The SDK's own repetition knows neither our deadline nor cancellation, and repeats no change at all. The session has the time limit.
            answer = call(request=request, retry=None)
        except (json_format.ParseError, GoogleAPIError) as cause:
            message = f"{self._session.server} answered with something that {LIBRARY} cannot read."
            raise Trouble(ProviderFailure(message, transient=True), acted=True) from cause
        except GoogleAuthError as cause:  # It asks the credentials where they are valid.
            raise self._session.unauthorized(cause) from cause
        made: Wire = json_format.MessageToDict(type(answer).pb(answer))
        return made

    def _request_class(self, change: Change) -> Any:
        one = _capital(change.singular)
        return getattr(_library(), f"{_capital(change.action)}{change.service[: -len(change.collection)]}{one}Request")

    def _service(self, name: str) -> Any:
        """The SDK's client of a service, at our address."""
        if name not in self._services:
            options = {"api_endpoint": self._session.base_url, "universe_domain": self._session.universe}
            client = getattr(_library(), f"{name}Client")(credentials=self._session.credentials, client_options=options)
            own = getattr(client.transport, "_session", None)
            if own is None:
                message = "the installed version of it cannot be given our TLS options and time limits"
                raise MissingLibrary(message, library=LIBRARY, trace=f"{type(client.transport).__name__} has no session.")
            # The SDK offers no way to set the TLS options of its session, and would have a pool and a token for each service.
            own.request = self._session.request
            self._services[name] = client
        return self._services[name]


def singular(collection: str) -> str:
    """The word for one resource of a collection."""
    for ending, short in (("sses", "ss"), ("ies", "y"), ("s", "")):
        if collection.endswith(ending):
            return collection[: -len(ending)] + short
    return collection


def _library() -> Any:
    """The SDK; only the first call takes time."""
    try:
        from google.cloud import compute_v1
    except ImportError as error:  # It is there, and something that it needs is not, or does not fit.
        raise MissingLibrary(_USE, library=LIBRARY, trace=traceback.format_exc()) from error
    return compute_v1


def _json_format() -> Any:
    from google.protobuf import json_format  # type: ignore[import-untyped]

    return json_format


def _fields(made: Any) -> dict[str, bool]:
    """The parameters of a request as the wire spells them; true for the one that is the body."""
    return {each.json_name: each.message_type is not None for each in made.pb(made()).DESCRIPTOR.fields}


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]


def _snake(word: str) -> str:
    return re.sub("([A-Z])", r"_\1", word).lower()
