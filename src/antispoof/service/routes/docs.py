"""The API to read and to try: the OpenAPI document as one plain page; reading needs no script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response

__all__ = ["render", "router"]

router = APIRouter(include_in_schema=False)
STYLE = Path(__file__).with_name("docs.css")
SCRIPT = Path(__file__).with_name("docs.js")
Document = Mapping[str, Any]


@router.get("/docs")
def docs(request: Request) -> Response:
    """Return the page."""
    return Response(render(request.app.openapi()), media_type="text/html")


@router.get("/docs.css")
def style() -> Response:
    """Return its style."""
    return Response(STYLE.read_bytes(), media_type="text/css")


@router.get("/docs.js")
def script() -> Response:
    """Return what lets its calls be tried."""
    return Response(SCRIPT.read_bytes(), media_type="text/javascript")


def render(document: Document) -> str:
    """Write an OpenAPI document as HTML."""
    info = document["info"]
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    links = "".join(
        f'<li><a href="#{_anchor(method, path)}">{_method(method)} <code>{escape(path)}</code></a></li>'
        for path, method, _ in operations
    )
    sections = "".join(_operation(document, *operation) for operation in operations)
    schemas = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre></details>"
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: API</title>"
        '<link rel="stylesheet" href="/docs.css"><link rel="icon" href="data:,"></head><body><header>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info['summary'])} The same as "
        '<a href="/openapi.json">OpenAPI</a>. Errors are <a href="#ProblemDocument">problem documents</a> '
        "(RFC 9457). Live: the WebSocket <code>/v1/sessions/{session_id}/stream</code>.</p>"
        '<p class="try"><label>API key <input id="api-key" type="password" autocomplete="off"></label> '
        '<label>client token <input id="client-token" autocomplete="off"></label> '
        "They stay in this page. A session that you open here fills in the rest.</p></header>"
        f"<nav><ul>{links}</ul></nav><main>{sections}<h2>Schemas</h2>{schemas}</main>"
        '<script src="/docs.js"></script></body></html>'
    )


def _operation(document: Document, path: str, method: str, operation: Document) -> str:
    needs = [name for entry in operation.get("security", ()) for name in entry]
    rows = "".join(_parameters(operation)) + "".join(_members(document, operation))
    answers = "".join(
        f"<tr><td>{escape(status)}</td><td>{_words(answer['description'])}</td>"
        f"<td>{_schema_link(answer)}</td></tr>"
        for status, answer in sorted(operation["responses"].items())
    )
    return (
        f'<section id="{_anchor(method, path)}"><h2>{_method(method)} <code>{escape(path)}</code></h2>'
        f"<p>{_words(operation.get('description') or operation['summary'])}</p>"
        + (f"<p>Needs: {' or '.join(f'<code>{escape(name)}</code>' for name in needs)}</p>" if needs else "")
        + (f"<table><tr><th>takes</th><th></th><th></th></tr>{rows}</table>" if rows else "")
        + f"<table><tr><th>answers</th><th></th><th></th></tr>{answers}</table>"
        f"<pre>{escape(_curl(document, path, method, operation))}</pre>"
        f"{_form(document, path, method, operation, needs)}</section>"
    )


def _form(document: Document, path: str, method: str, operation: Document, needs: Sequence[str]) -> str:
    """Write what a call is tried with."""
    fields = [
        _field(parameter["name"], parameter["in"], parameter["schema"])
        for parameter in operation.get("parameters", ())
        if parameter["in"] in ("path", "header")
    ]
    kind = next(iter(operation.get("requestBody", {}).get("content", {})), "")
    if kind:
        schema = _resolved(document, operation["requestBody"]["content"][kind]["schema"])
        if kind == "application/json":
            example = json.dumps((schema.get("examples") or [{}])[0], indent=2)
            fields.append(f'<textarea name="body" data-in="json" rows="6">{escape(example)}</textarea>')
        else:
            fields += [_field(name, "form", member) for name, member in schema["properties"].items()]
    return (
        f'<form class="try" data-method="{escape(method.upper())}" data-path="{escape(path)}" '
        f'data-kind="{escape(kind)}" data-needs="{escape(" ".join(needs))}">{"".join(fields)}'
        "<button>Try it</button><output></output></form>"
    )


def _field(name: str, where: str, schema: Document) -> str:
    items = schema.get("items", {})
    file = "binary" in (schema.get("format"), items.get("format"))
    kind = f'type="file"{" multiple" if items else ""}' if file else 'autocomplete="off"'
    return f'<label>{escape(name)} <input name="{escape(name)}" data-in="{escape(where)}" {kind}></label> '


def _parameters(operation: Document) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        yield _row(parameter["name"], f"in {parameter['in']}", parameter["schema"], parameter["required"])


def _members(document: Document, operation: Document) -> Iterator[str]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(document, content["schema"])
        for name, member in schema.get("properties", {}).items():
            yield _row(name, kind, member, name in schema.get("required", ()))


def _row(name: str, where: str, schema: Document, required: bool) -> str:
    facts = {key: value for key, value in schema.items() if key not in ("title", "description")}
    star = " (required)" if required else ""
    return (
        f"<tr><td><code>{escape(name)}</code>{star}</td><td>{escape(where)}</td>"
        f"<td><code>{escape(json.dumps(facts))}</code></td></tr>"
    )


def _curl(document: Document, path: str, method: str, operation: Document) -> str:
    words = [f"curl -X {method.upper()} http://127.0.0.1:8080{path}"]
    needs = [name for entry in operation.get("security", ()) for name in entry]
    if needs:
        words.append(f"-H 'Authorization: Bearer {'ast_…' if 'ClientToken' in needs else 'ask_…'}'")
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(document, content["schema"])
        if kind == "application/json":
            example = (schema.get("examples") or [{}])[0]
            words += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(example)}'"]
        else:
            for name, member in schema["properties"].items():
                value = "@selfie.jpg" if member.get("format") == "binary" else "…"
                words.append(f"-F {name}={value}")
    return " \\\n  ".join(words)


def _resolved(document: Document, schema: Document) -> Document:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Document = document["components"]["schemas"][name] if name else schema
    return found


def _schema_link(answer: Document) -> str:
    for content in answer.get("content", {}).values():
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if name:
            return f'<a href="#{escape(name)}">{escape(name)}</a>'
    return ""


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""))


def _method(method: str) -> str:
    return f'<b class="{escape(method)}">{escape(method.upper())}</b>'


def _words(text: str) -> str:
    """Escape, and set what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
