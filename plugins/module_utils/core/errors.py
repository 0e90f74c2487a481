# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of this collection: one base class, one class for each kind of thing that an operator reacts to differently."""

from __future__ import annotations

from typing import Any

from .model import Record


class RecoveryError(Exception):
    """Something that the operator should read as a message, not as a traceback.

    ``code`` is the provider's own word or number, ``http_status`` and ``request_id`` are what its answer carried (None when
    there was no answer). ``transient`` is true when the same request may well succeed a little later. ``record`` is the
    resource as it was seen last, when there is one. ``keeps_state``: what was done before it stays as it is, because going back would
    be wrong or would not help.
    """

    keeps_state = refines = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        http_status: int | None = None,
        request_id: str | None = None,
        transient: bool = False,
        record: Record | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.http_status = http_status
        self.request_id = request_id
        self.transient = transient
        self.record = record

    @property
    def kind(self) -> str:
        """What results carry as ``error.kind``: the class name, of a refinement that of what it refines."""
        return next(cls.__name__ for cls in type(self).__mro__ if not cls.__dict__.get("refines", False))

    def as_result(self) -> dict[str, Any]:
        """The structured part of a failed task's result."""
        return {"kind": self.kind, "code": self.code, "http_status": self.http_status, "request_id": self.request_id}


class AuthenticationFailed(RecoveryError):
    """The credentials are missing, wrong, expired, or do not permit what was asked."""


class NotFound(RecoveryError):
    """What was asked for, or something it refers to, does not exist."""


class Conflict(RecoveryError):
    """What exists is not what was asked for, or someone else is at work on it."""


class AmbiguousName(RecoveryError):
    """A name has several matches; the message lists their ids."""


class InvalidRequest(RecoveryError):
    """The options, or the request that the provider refused, make no sense."""


class Unsupported(RecoveryError):
    """The provider, or the version of it that answered, cannot do this."""


class RateLimited(RecoveryError):
    """The provider still asks to slow down after all retries."""


class WaitTimeout(RecoveryError):
    """The deadline of the task passed while the provider was still at work."""


class MissingLibrary(RecoveryError):
    """A Python library that only this provider needs is not installed."""

    def __init__(self, message: str, *, library: str, trace: str) -> None:
        super().__init__(message)
        self.library = library
        self.trace = trace


class ProviderFailure(RecoveryError):
    """The provider failed, or could not be reached; ``transient`` tells whether asking again may help."""


class OutcomeUnknown(ProviderFailure):
    """A request that may change something was sent and no usable answer came back: it may or may not have been carried out."""


class Cancelled(RecoveryError):
    """The task was asked to stop (SIGTERM, as a cancelled job sends it) and has undone what it could."""


class NoWayBack(ProviderFailure):
    """The old disks are already deleted, as ``old_disks: delete`` asked, so there is nothing to go back to. The VM stays as it is now."""

    keeps_state = refines = True


class NotYetPossible(ProviderFailure):
    """The provider cannot do the last part of the work now, for want of capacity or quota. All is safe: run again later."""

    keeps_state = refines = True
