"""The page behind ``infoUri``: what one statement was, and why its answer is as it is."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from jinja2 import Environment, StrictUndefined
from starlette.datastructures import Headers as StarletteHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from gateway.identity.authenticate import AuthenticationError, is_loopback
from gateway.metadata.access import access_rows
from gateway.protocol.http import read_headers
from gateway.protocol.record import QueryRecord
from gateway.protocol.session import BadRequestError
from gateway.server.wiring import Gateway

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: #1d2433; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
pre { background: #f4f6fa; padding: 1rem; overflow-x: auto; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; } .scroll { overflow-x: auto; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #dde2ec;
  vertical-align: top; }
th { color: #5b6577; font-weight: 600; } .error { color: #a3131d; } .note { color: #6b4e00; }
"""
_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ record.query_id }} · Meshgate</title><style>{{ style }}</style></head><body>
<h1>Query {{ record.query_id }}</h1>
<table>
<tr><th>State</th><td>{{ record.state }}{% if record.outcome %} ({{ record.outcome }})
{%- endif %}</td></tr>
<tr><th>Principal</th><td>{{ record.principal }}{% if record.actor != record.principal %}, asked by
{{ record.actor }}{% endif %}</td></tr>
<tr><th>Submitted</th><td>{{ record.created.strftime("%Y-%m-%d %H:%M:%S UTC") }}</td></tr>
<tr><th>Took</th><td>{{ "%.3f" | format(record.seconds) }} s, {{ record.rows }} rows</td></tr>
{% if plan %}<tr><th>Purpose</th><td>{{ plan.purpose.name }}{% if plan.purpose.assumed %} (assumed:
{{ plan.purpose.origin }}){% endif %}</td></tr>{% endif %}
{% if decision %}<tr><th>Decision</th><td>{{ decision.decision_id }} by {{ decision.engine }}
</td></tr>{% endif %}</table>
{% if record.error %}<p class="error"><strong>{{ record.error.name }}</strong>:
{{ record.error.message }}</p>{% endif %}
<h2>Statement</h2><pre>{{ record.text }}</pre>
{% if warnings %}<h2>Notes</h2>{% for note in warnings %}
<p class="note"><strong>{{ note.name }}</strong>: {{ note.message }}</p>{% endfor %}{% endif %}
{% if rows %}<h2>What was decided, and why</h2><div class="scroll"><table>
<tr><th>Item</th><th>Name</th><th>Effect</th><th>Detail</th><th>Reason</th><th>Rule</th><th>Steward</th>
<th>Next step</th></tr>
{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>{% endif %}
</body></html>
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class WhyPage:
    """Shows a statement to those who ran it; to others it does not exist."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        environment = Environment(autoescape=True, undefined=StrictUndefined)
        self._template = environment.from_string(_TEMPLATE)

    async def show(self, request: Request) -> Response:
        """Answer ``/ui/query.html?{query id}``."""
        record = self._gateway.queries.record(request.url.query)
        try:
            allowed = await self._allowed(request, record)
        except AuthenticationError as error:
            return PlainTextResponse(error.message, error.status, headers=error.headers)
        except BadRequestError as error:
            return PlainTextResponse(str(error), 400)
        if record is None or not allowed:
            return PlainTextResponse("Query not found", 404, headers=_HEADERS)
        return HTMLResponse(self._template.render(**self._facts(record)), headers=_HEADERS)

    async def _allowed(self, request: Request, record: QueryRecord | None) -> bool:
        gateway = self._gateway
        headers = read_headers(request.scope)
        gateway.edge.base(request.scope, headers)
        presented = gateway.edge.presented(request.scope, headers)
        named = presented.authorization or presented.user or _forwarded(request.headers)
        if gateway.trusts_user_header and not named and is_loopback(presented.peer):
            # A browser cannot send X-Trino-User; anyone here could claim any name anyway.
            return True
        login = await gateway.authenticator.authenticate(presented)
        return record is not None and gateway.commands.may_see(record, login)

    def _facts(self, record: QueryRecord) -> dict[str, Any]:
        plan = record.plan
        return {
            "style": _STYLE,
            "record": record,
            "plan": plan,
            "decision": plan.decision if plan else None,
            "warnings": plan.warnings if plan else (),
            "rows": access_rows(plan.decision, plan.governed, plan.snapshot)
            if plan and plan.decision
            else [],
        }


def _forwarded(headers: StarletteHeaders) -> bool:
    return "x-forwarded-for" in headers or "forwarded" in headers
