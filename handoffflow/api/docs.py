"""The documentation page: rendered here from the schema, because the page may run no inline script."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

_SCHEMAS = "#/components/schemas/"
_ROOT = "/api/v1"
_OF_REQUESTS = ("HandoffRequest", "Assign", "Cancel", "Release", "Say")


class Page(DocsBase):
    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        schema = api.get_openapi_schema()
        context = {
            "info": schema["info"],
            "operations": _operations(schema),
            "shapes": _shapes(schema),
            "schema_url": self.get_openapi_url(api, kwargs),
        }
        return render(request, "api/docs.html", context)


def _operations(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": operation["operationId"],
            "method": method.upper(),
            "path": path,
            "short": path.removeprefix(_ROOT),
            "description": _prose(operation),
            "parameters": [_parameter(item) for item in operation["parameters"]],
            "body": _body(schema, operation),
            "answers": [_answer(status, answer) for status, answer in operation["responses"].items()],
        }
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def _parameter(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"],
        "place": item["in"],
        "type": _type(item["schema"]),
        "required": item.get("required", False),
        "description": _prose(item),
    }


def _body(schema: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    if "requestBody" not in operation:
        return None
    content = operation["requestBody"]["content"]
    if "application/json" not in content:
        return {"name": "", "example": f"Content-Type: {next(iter(content))}\n\nfile=@invoice.pdf"}
    name = _reference(content["application/json"]["schema"])
    examples = schema["components"]["schemas"][name].get("examples", [])
    return {
        "name": name,
        "example": json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else "",
    }


def _answer(status: str, answer: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = next(iter(answer.get("content", {}).values()), {})
    return {
        "status": status,
        "good": status.startswith("2"),
        "description": _prose(answer),
        "shape": _reference(content.get("schema", {})),
    }


def _shapes(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Every object by name, what is sent first."""
    shapes = schema["components"]["schemas"]
    names = [name for name in _OF_REQUESTS if name in shapes]
    names += [name for name in shapes if name not in names and "properties" in shapes[name]]
    return [
        {
            "name": name,
            "description": _prose(shapes[name]),
            "members": [
                {
                    "name": member,
                    "type": _type(details),
                    "required": member in shapes[name].get("required", []),
                    "description": _prose(details),
                }
                for member, details in shapes[name]["properties"].items()
            ],
        }
        for name in names
    ]


def _prose(details: dict[str, Any]) -> SafeString:
    """The schema's own sentences; what stands between backticks is code."""
    parts = details.get("description", "").split("`")
    drawn = (("<code>{}</code>" if number % 2 else "{}", part) for number, part in enumerate(parts))
    return format_html_join("", "{}", ((format_html(form, part),) for form, part in drawn))


def _type(details: dict[str, Any]) -> str:
    if "anyOf" in details:
        return " | ".join(_type(option) for option in details["anyOf"])
    if "$ref" in details:
        return _reference(details)
    if "enum" in details:
        return " | ".join(json.dumps(value) for value in details["enum"])
    if details.get("type") == "array":
        return f"{_type(details['items'])} []"
    return str(details.get("format") or details.get("const", details.get("type", "any")))


def _reference(details: dict[str, Any]) -> str:
    return str(details.get("$ref", "")).removeprefix(_SCHEMAS)
