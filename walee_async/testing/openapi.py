"""The gateway's one endpoint as OpenAPI 3.1, made from the Structs that reports are read into and from the known codes.

`Gateway` serves it at `/_gateway/openapi.json`; docs/openapi.json describes the real gateway the same way. The gateway
leaves out what it does not know: no key of a report is required, and none may be null.
"""

from __future__ import annotations

import inspect
from typing import Any, Final

import msgspec

from walee_async import models
from walee_async.client import BASE_URL
from walee_async.errors import (
    ExhaustedKeyError,
    GatewayError,
    NoReportError,
    NotReadyError,
    RateLimitError,
    RefusedKeyError,
    ServerError,
)
from walee_async.fielddocs import field_docs
from walee_async.wire.request import REPORT_PATH
from walee_async.wire.verdict import CODES, SUBSCRIPTION

VERSION: Final = "1.0.0"
"""Of the gateway's own documentation."""

_SCHEMAS: Final = "#/components/schemas/"
_ABOUT: Final = """\
Sells reports about TikTok creators. This is made from the gateway's documentation and from real reports of its kind.

A key that is absent is unknown. None is required, and in real reports none is null; a careful client takes null for \
absent, and ignores keys that are not described here. Shares and rates are fractions."""
_REPORT: Final = """\
The report, which is then paid for; or a refusal, which is not. The envelope has a `success` and its payload has \
another: only where both are true there is a report."""
_NO_REPORT: Final = """\
There is no report for the handle, or the account cannot buy; nothing is paid for. The body looks like JSON and does \
not have to parse: as documented, a comma is missing after the message.

    {
      "success": false,
      "message": "Failed to fetch creator report"
      "payload": {}
    }

It may name one of these codes, in `error` or in its message. `retry_later` may come with the minutes to wait, in \
`report_info.eta`."""
_FAILED: Final = """\
The gateway or a proxy before it failed; nothing is paid for. The gateway's own body is as that of a 400, with the \
message "Something went wrong. Please try again later."; a proxy's is a web page, or empty."""
_TEXT: Final = {"type": "string"}
_WAIT: Final = {
    "Retry-After": {"description": "Seconds, or an HTTP date. May be missing.", "schema": _TEXT},
    "retry-after-ms": {"description": "Milliseconds. May be missing.", "schema": _TEXT},
}


def describe(server: str = BASE_URL) -> dict[str, Any]:
    """The OpenAPI document in JSON's own types. `server` is the base URL."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Walee gateway: creator reports", "version": VERSION, "description": _ABOUT},
        "servers": [{"url": server}],
        "security": [{"key": []}],
        "paths": {REPORT_PATH: {"get": _operation()}},
        "components": {
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": {"Delivered": _delivered(), "Refused": _refused(), **_parts()},
        },
    }


def _operation() -> dict[str, Any]:
    handle = {
        "name": "handle",
        "in": "query",
        "required": True,
        "description": "The creator's handle, without `@`, in upper or lower case.",
        "schema": {"type": "string", "minLength": 1},
    }
    return {
        "operationId": "getCreatorReport",
        "summary": "Buy a creator's report",
        "parameters": [handle],
        "responses": {"200": _success(), **_refusals()},
    }


def _success() -> dict[str, Any]:
    either = {"oneOf": [{"$ref": f"{_SCHEMAS}Delivered"}, {"$ref": f"{_SCHEMAS}Refused"}]}
    return {"description": _REPORT, "content": {"application/json": {"schema": either}}}


def _refusals() -> dict[str, Any]:
    """The answers without a report. Their bodies have no schema: they are evidence, and do not have to parse."""
    refused = {
        "400": _with_codes(_NO_REPORT, NoReportError, NotReadyError, ExhaustedKeyError),
        "401": _with_codes("The key is missing, unknown or disabled.", RefusedKeyError),
        "403": "The key may not fetch creator reports; the codes are those of 401.",
        "404": "There is nothing at this address.",
        "405": "The method is not GET.",
        "408": "The gateway gave up waiting for the request.",
        "420": "Too many open connections.",
        "429": _with_codes("Too many requests; wait.", RateLimitError),
        "5XX": _with_codes(_FAILED, ServerError),
    }
    content: dict[str, Any] = {"application/json": {}, "text/html": {}}
    answers: dict[str, Any] = {status: {"description": text, "content": content} for status, text in refused.items()}
    for status in ("420", "429", "5XX"):
        answers[status]["headers"] = _WAIT
    return answers


def _with_codes(text: str, *kinds: type[GatewayError]) -> str:
    known = {**CODES, "subscription_…": SUBSCRIPTION}
    return "\n".join([text, "", *(f"- `{code}`: {said}" for code, (kind, said) in known.items() if kind in kinds)])


def _delivered() -> dict[str, Any]:
    report = {
        "allOf": [{"$ref": f"{_SCHEMAS}CreatorReport"}, {"properties": {"success": {"const": True}}}],
        "required": ["success"],
    }
    return {
        "type": "object",
        "description": "A report in its envelope.",
        "properties": {"success": {"const": True}, "message": _TEXT, "payload": report},
        "required": ["success", "message", "payload"],
    }


def _refused() -> dict[str, Any]:
    inner = {
        "type": "object",
        "properties": {"success": {"const": False}, "error": {"type": "string"}},
        "required": ["success"],
    }
    return {
        "type": "object",
        "description": "No report, though the status is 200: one of the two `success` is false. `error` may be a code.",
        "properties": {"message": _TEXT, "error": _TEXT},
        "oneOf": [
            {"properties": {"success": {"const": False}}, "required": ["success"]},
            {"properties": {"success": {"const": True}, "payload": inner}, "required": ["success", "payload"]},
        ],
    }


def _parts() -> dict[str, Any]:
    """The schemas of a report and of all its parts, by name."""
    _, schemas = msgspec.json.schema_components([models.CreatorReport], ref_template=f"{_SCHEMAS}{{name}}")
    for name, schema in schemas.items():
        said = field_docs(getattr(models, name))
        # CPython 3.13 takes the indentation off docstrings, those before it do not.
        schema["description"] = inspect.cleandoc(schema["description"])
        schema["properties"] = {
            field: _known(described) | ({"description": said[field]} if field in said else {})
            for field, described in schema["properties"].items()
        }
        del schema["title"], schema["required"]
    return schemas


def _known(schema: dict[str, Any]) -> dict[str, Any]:
    """A field as it is when it is there: not null, and of no default."""
    (known,) = (kind for kind in schema["anyOf"] if kind != {"type": "null"})
    return dict(known)
