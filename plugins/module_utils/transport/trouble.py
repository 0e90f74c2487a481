# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that may have been carried out although no good answer came: what a client says of one, and how it is repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..core.errors import Conflict, NotFound, OutcomeUnknown, RecoveryError
from .failures import not_sent_again
from .retry import Retry, TryAgain

T = TypeVar("T")


class Trouble(Exception):
    """An exchange without a good answer. ``acted`` says that the server may have done what it was asked, ``after_s`` when to come back."""

    def __init__(self, error: RecoveryError, *, acted: bool = False, after_s: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.acted = acted
        self.after_s = after_s


def retold(error: RecoveryError, message: str, kind: type[RecoveryError] | None = None) -> RecoveryError:
    """The same error in other words, and of another kind when one is given (which then is not transient)."""
    facts: dict[str, Any] = {"code": error.code, "http_status": error.http_status, "request_id": error.request_id, "record": error.record}
    return (kind or type(error))(message, transient=error.transient and kind is None, **facts)


def unknown(error: RecoveryError) -> RecoveryError:
    """The error of a change of which nobody knows whether it was carried out."""
    return retold(error, error.message, OutcomeUnknown)


def repeated(
    send: Callable[[], T],
    retry: Retry,
    told: Callable[[RecoveryError], RecoveryError],
    *,
    changes: bool,
    on_acted: Callable[[], None],
    again: bool = True,
) -> T:
    """What ``send`` gives, which raises Trouble; after what passes it is sent again.

    ``told`` words an error. ``again`` says whether a change whose answer was lost may be sent twice. ``on_acted`` is called when a change may
    have been carried out. Raises OutcomeUnknown when nobody knows whether it was.
    """
    earlier: RecoveryError | None = None

    def attempt() -> T:
        nonlocal earlier
        try:
            return send()
        except Trouble as trouble:
            error = told(trouble.error)
            if changes and trouble.acted:
                earlier = error
                on_acted()
            # An earlier attempt may have been carried out, whatever this one was told. Only absence, or what is so already, tells of its work.
            tells = isinstance(error, (Conflict, NotFound)) and not error.transient
            unsure = changes and (trouble.acted or (earlier and not tells))
            failure = unknown(error) if unsure else error
            if error.transient and (again or not trouble.acted):
                raise TryAgain(failure, trouble.after_s) from trouble
            raise failure from trouble
        except RecoveryError as refusal:
            # The guard's: an earlier attempt of which nobody knows the outcome must not be hidden by it.
            if earlier is None:
                raise
            raise not_sent_again(refusal, earlier) from refusal

    return retry.run(attempt)
