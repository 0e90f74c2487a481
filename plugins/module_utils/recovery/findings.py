# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look before the first change has found. All findings are told together, each with the option that lets it pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from ..core.errors import Conflict, RecoveryError

_NOTHING_CHANGED = "Nothing was changed."


@dataclass(frozen=True)
class Finding:
    """One obstacle, or one thing that the operator should know.

    ``text`` is a sentence or two, and ends with what to do. ``word`` is the option, or the word in ``allow_lost``, that lets it pass; empty when
    nothing does. ``kind`` is the error that it would be alone. A finding that does not refuse is a warning.
    """

    text: str
    refuses: bool = True
    word: str = ""
    kind: type[RecoveryError] = Conflict
    code: str | None = None


def warning(text: str) -> Finding:
    """A finding that does not refuse."""
    return Finding(text, refuses=False)


def gathered(looks: Iterable[Callable[[], Iterable[Finding]]]) -> list[Finding]:
    """The findings of several looks. A look that ends with an error is itself a finding, so that it does not hide the others."""
    found: list[Finding] = []
    for look in looks:
        try:
            found += look()
        except RecoveryError as error:
            if error.transient or error.keeps_state:
                raise
            found.append(Finding(error.message, kind=type(error), code=error.code))
    return found


def decide(findings: Sequence[Finding], allowed: Collection[str], warn: Callable[[str], None]) -> None:
    """Warn of what does not refuse, and raise one error for all that does and is not allowed."""
    refused = [finding for finding in findings if finding.refuses and finding.word not in (allowed or ()) or finding.refuses and not finding.word]
    for finding in findings:
        if not finding.refuses:
            warn(finding.text)
    if refused:
        raise refused[0].kind(_told(refused), code=refused[0].code)


def _told(refused: Sequence[Finding]) -> str:
    texts = list(dict.fromkeys(finding.text.replace(_NOTHING_CHANGED, "").strip() for finding in refused))
    if len(texts) == 1:
        return f"{texts[0]} {_NOTHING_CHANGED}"
    listed = " ".join(f"({number}) {text}" for number, text in enumerate(texts, 1))
    return f"{len(texts)} things stand in the way. {listed} {_NOTHING_CHANGED}"
