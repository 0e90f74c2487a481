# Copyright (c) 2026 multicloud.recovery contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ECS, VPC, STS and the metadata service as one provider of the simulator: from a call to an account, an action and an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from ..clock import Agenda, Clock
from ..messages import Answer, Call, Match, Refused
from ..request_log import short_digest
from ..settings import Settings
from . import actions, record, seeds, signature, state, tokens
from .answer_contract import AnswerContract
from .context import Context
from .credentials import PREFIX, SECRET_PREFIX, Credentials
from .errors import ApiError, error_answer, missing, new_request_id
from .handlers import handler_of
from .metadata import Metadata, account_of
from .options import DEFAULTS, check_settings
from .params import Params
from .places import DEFAULT_REGION, REGIONS
from .rpc_contract import RpcContract
from .store import Account, World

READING = ("Describe", "List", "Get", "AssumeRole")
SECRET = re.compile(r"Signature|SecurityToken|Password|UserData|AccessKeySecret")


class AlibabaEcs:
    """The provider. `settings` come from outside, because the generic part reads them too."""

    name = "alibaba_ecs"
    scopes = "accounts"

    def __init__(self, clock: Clock) -> None:
        self.settings = Settings(DEFAULTS, check_settings)
        self.world = World(clock, self.settings, Agenda(clock))
        self.credentials = Credentials(clock, self.settings)
        self.metadata = Metadata(self.world, self.credentials)
        self._contract: RpcContract | None = None
        self._answers: AnswerContract | None = None

    @cached_property
    def _fallback(self) -> RpcContract:
        return RpcContract({})

    def identify(self, call: Call) -> Match:
        """The account is that of the access key; the route is the name of the action."""
        account = account_of(call)
        if account is not None:
            return Match("metadata", account)
        signed = signature.read(call)
        key = self.credentials.key(signed.parameters.get("AccessKeyId", ""))
        return Match(signed.parameters.get("Action"), key.account if key else None, signed.parameters, signed)

    def handle(self, call: Call, match: Match) -> Answer:
        """The signature, the action, permissions, the parameters, the token, then the handler."""
        self.world.agenda.run_due()
        signed = match.target
        if not isinstance(signed, signature.Signed):
            return self.metadata.answer(call, str(match.scope))
        longest = int(self.settings.get("longest_url", match.scope))
        if longest and len(call.raw_path) + len(call.raw_query) > longest:
            return Answer.of_text("<html><head><title>414 Request-URI Too Large</title></head></html>", 414, "text/html")
        given, request_id = match.params, new_request_id()
        try:
            key = self.credentials.check(signed)
        except ApiError as error:
            return error_answer(error.status, error.message, error.code, request_id)
        account = self.world.account(key.account)
        region = given.get("RegionId") or record.region_of(account, given) or DEFAULT_REGION
        ctx = Context(self.world, account, region, given["Action"], Params(given.items()), key, self.caller(call) or "", request_id, match.fault)
        account.lag.note()
        entry = self._entry(ctx) if self.is_mutating(call, match) else None
        for watch in account.watches:
            watch.before()
        answer, refusal = self._run(ctx, given["Version"])
        account.lag.note()
        status = refusal.status if refusal else 200
        if entry is not None:
            entry["targets"] = list(dict.fromkeys([*entry["targets"], *ctx.targets]))
            for watch in account.watches if refusal is None else ():
                watch.accepted(ctx.action, entry["targets"], ctx.key.arn, ctx.params.all)
            record.note(account, {**entry, "code": refusal.code if refusal else "", "status": status, "replayed": ctx.replayed})
        if refusal is not None:
            return error_answer(status, refusal.message, refusal.code, request_id)
        whole = {**(answer or {}), "RequestId": request_id}
        wrong = self._answers.check(given["Version"], ctx.action, whole) if self._answers and ctx.setting("check_answers") else []
        return error_answer(500, "contract: " + "; ".join(wrong), "InternalError", request_id) if wrong else Answer.of_json(whole)

    def _entry(self, ctx: Context) -> dict[str, Any]:
        targets = record.named(ctx.account, ctx.params.all)
        shown = {name: value for name, value in ctx.params.fingerprint().items() if not SECRET.search(name)}
        entry = {"caller": ctx.caller, "user": ctx.key.arn, "action": ctx.action, "region": ctx.region, "params": shown, "targets": targets}
        return {**entry, "request_id": ctx.request_id, "client_token": ctx.params.text("ClientToken"), **record.before(ctx.account, targets)}

    def _run(self, ctx: Context, version: str) -> tuple[dict[str, Any] | None, ApiError | None]:
        answer: dict[str, Any] | None = None
        try:
            handler = handler_of(ctx, version, self.credentials)
            if ctx.region not in REGIONS:
                raise ApiError("InvalidRegionId.NotFound", "The specified RegionId does not exist.", 404)
            self._check(ctx, version)
            answer = tokens.replayed(ctx)
            if answer is not None:
                ctx.replayed = True
                return answer, None
            ctx.account.acting = ctx.caller
            try:
                answer = handler(ctx)
            finally:
                ctx.account.acting = ""
        except ApiError as error:
            tokens.remember(ctx, None, error)
            return None, error
        tokens.remember(ctx, answer)
        return answer, None

    def _check(self, ctx: Context, version: str) -> None:
        if not ctx.setting("check_parameters"):
            return
        for text in (self._contract or self._fallback).check(version, ctx.action, ctx.params.all):
            name, _space, what = text.partition(" ")
            if what == "is missing":
                raise missing(name)
            raise ApiError("InvalidParameter", f"The specified parameter is not valid: {text}.", 400)

    def caller(self, call: Call) -> str | None:
        """A digest of the access key."""
        identity = signature.read(call).parameters.get("AccessKeyId")
        return short_digest(identity) if identity else None

    def is_mutating(self, call: Call, match: Match) -> bool:
        """All but reading, asking for credentials, and trials."""
        if match.target is None or str(match.route or "Describe").startswith(READING):
            return False
        return signature.read(call).parameters.get("DryRun", "").lower() != "true"

    def log_body(self, call: Call) -> Any:
        """The form, without secrets."""
        return {name: "***" if SECRET.search(name) else value for name, value in call.form} if call.body else None

    def refuse(self, status: int, message: str, reason: str | None = None) -> Answer:
        """An error; `reason` is the code."""
        return error_answer(status, None if message == "injected fault" else message, reason)

    def reject_token(self, call: Call, scope: str | None) -> Answer:
        """The key is of no use any more."""
        identity = signature.read(call).parameters.get("AccessKeyId", "")
        key = self.credentials.key(identity)
        self.credentials.revoke(identity)
        code = "InvalidSecurityToken.Expired" if key is not None and key.token else "InvalidAccessKeyId.Inactive"
        return error_answer(400, "The credentials are no longer valid.", code)

    def load_contracts(self, directory: str | None) -> str | None:
        """The published descriptions, where they are."""
        self._contract, self._answers = RpcContract.load(directory), AnswerContract.load(directory)
        return "alibaba_ecs.json" if self._contract else None

    def contract_violations(self, call: Call, match: Match) -> list[str]:
        """What the descriptions do not allow."""
        if match.target is None or self._contract is None:
            return []
        version, action = match.params.get("Version", ""), str(match.route)
        return self._contract.check(version, action, match.params)

    def dump_state(self, scope: str | None) -> dict[str, Any]:
        """See state.dump."""
        self.world.agenda.run_due()
        return {"accounts": {name: state.dump(account) for name, account in self.world.accounts.items() if scope in (None, name)}}

    def merge_state(self, given: Mapping[str, Any]) -> None:
        """{"accounts": {name: {kind: [items]}}}; see state.merge."""
        self.world.agenda.run_due()
        if set(given) - {"accounts", "scope"}:
            raise Refused('state is {"accounts": {name: {...}}}')
        for name, part in given.get("accounts", {}).items():
            state.merge(self.world.account(name), part)

    def drop_state(self, scope: str | None) -> None:
        """Forgets an account, or all."""
        if scope is None:
            self.world.accounts.clear()
        else:
            self.world.accounts.pop(scope, None)

    def seed(self, name: str, scope: str | None) -> None:
        """Fills an account ("default" when None)."""
        if name not in seeds.SEEDS:
            raise Refused(f"no such example: {name}; known: {', '.join(seeds.SEEDS)}")
        seeds.SEEDS[name](self.world.account(scope or "default"))

    def actions(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        """See actions.py."""
        return {name: self._due_first(action) for name, action in actions.ACTIONS.items()}

    def _due_first(self, action: Callable[[Account, Mapping[str, Any], Credentials], Any]) -> Callable[[Mapping[str, Any]], Any]:
        def run(body: Mapping[str, Any]) -> Any:
            self.world.agenda.run_due()
            account = self.world.account(str(body.get("account") or body.get("scope") or "default"))
            account.lag.note()
            answer = action(account, body, self.credentials)
            account.lag.note()
            return answer

        return run

    def environment(self, base_url: str, scope: str = "default") -> dict[str, str]:
        """The variables of the alibaba_ecs options."""
        return {
            "ALIBABA_ECS_API_URL": base_url,
            "ALIBABA_STS_API_URL": base_url,
            "ALIBABA_VPC_API_URL": base_url,
            "ALIBABA_ECS_METADATA_URL": f"{base_url}/{scope}",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": PREFIX + scope,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET_PREFIX + scope,
            "ALIBABA_CLOUD_REGION_ID": DEFAULT_REGION,
        }
