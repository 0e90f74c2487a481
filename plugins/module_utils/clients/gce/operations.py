# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for Google's operations: held requests, growing pauses after early returns, and what the end of an operation means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from ...core.errors import Cancelled, NotFound, RecoveryError, WaitTimeout
from ...core.waiter import Waiter
from ...transport.trouble import Trouble, retold
from .answers import operation_failure
from .calls import GceCalls, where
from .objects import Operation

# Google holds the request for up to two minutes.
_LONGEST_HOLD_S = 130.0
_SHORTEST_HOLD_S = 1.0
_NOISE = ("NO_RESULTS_ON_PAGE", "EXPERIMENTAL_TYPE_USED")


class GceOperations:
    """Waits for operations until the deadline of ``waiter``. ``on_warning`` is told what Google warned of, such as a deprecated image."""

    def __init__(self, calls: GceCalls, waiter: Waiter, on_warning: Callable[[str], None]) -> None:
        self._calls = calls
        self._waiter = waiter
        self._on_warning = on_warning

    def wait(self, operation: Operation, what: str) -> Operation:
        """The finished operation; ``what`` is what it does, as in ``creation of disk "data"``.

        An operation that Google has forgotten counts as finished: whoever called looks at its target. Raises what its error means,
        WaitTimeout, and Cancelled between two requests. A request that fails for a passing reason does not end the waiting.
        """
        seen = operation
        trouble: Trouble | None = None
        pauses = self._waiter.pauses()
        pause_s = next(pauses)
        while not seen.done:
            if self._waiter.cancelled:
                raise Cancelled("the task was cancelled.")
            began_s = self._waiter.remaining_s
            last = began_s <= 0
            try:
                seen, trouble = self._look(seen, began_s), None
            except Trouble as failure:
                if isinstance(failure.error, NotFound):
                    return replace(seen, done=True)
                if not failure.error.transient:
                    raise self._calls.told(failure.error, f"waiting for it failed ({what})") from failure
                trouble = failure
            if seen.done:
                break
            if last:
                raise self._too_late(seen, what, trouble) from trouble
            asked_back_s = (trouble.after_s or 0.0) if trouble else 0.0
            # Google held the request for as long as we would have paused: it is waiting for us.
            if asked_back_s or began_s - self._waiter.remaining_s < pause_s:
                self._waiter.pause(max(pause_s, asked_back_s))
                pause_s = next(pauses)
        return self._finished(seen, what)

    def wait_all(self, operations: Iterable[Operation], what: str) -> list[Operation]:
        """All of them, finished, in their order. Every one is waited for; then the first error is raised, which tells how many others failed."""
        finished: list[Operation] = []
        errors: list[RecoveryError] = []
        for operation in operations:
            try:
                finished.append(self.wait(operation, what))
            except Cancelled:
                raise
            except RecoveryError as error:
                errors.append(error)
        if len(errors) > 1:
            raise retold(errors[0], f"{errors[0].message} {len(errors) - 1} more of these operations failed.") from errors[0]
        if errors:
            raise errors[0]
        return finished

    def _look(self, seen: Operation, remaining_s: float) -> Operation:
        with self._calls.place_to_hold() as free:
            # The last look must not be held, nor may all connections be.
            if remaining_s <= 0 or not free:
                return self._calls.operation(seen, hold=False, timeout_s=self._calls.timeout_s)
            return self._calls.operation(seen, hold=True, timeout_s=min(_LONGEST_HOLD_S, max(_SHORTEST_HOLD_S, remaining_s)))

    def _finished(self, operation: Operation, what: str) -> Operation:
        for warning in operation.wire.get("warnings") or ():
            code = str(warning.get("code") or "")
            if not code.startswith(_NOISE):
                self._on_warning(f"Google warned ({what}): {str(warning.get('message') or code).rstrip('.')} ({code}).")
        error = operation_failure(operation.wire)
        if error:
            raise self._calls.told(error, f"{what} failed")
        return operation

    def _too_late(self, seen: Operation, what: str, trouble: Trouble | None) -> WaitTimeout:
        progress = f", {seen.wire['progress']} % done" if "progress" in seen.wire else ""
        state = f"the operation {seen.name}{where(seen.place)} is still {seen.wire.get('status') or 'in an unknown state'}{progress}"
        last = f" The last look failed: {trouble.error.message}" if trouble else ""
        return WaitTimeout(f"{what} did not end before the deadline: {state}.{last}", request_id=seen.name)
