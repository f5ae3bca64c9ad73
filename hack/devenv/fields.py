"""The page of all fields, docs/fields.md, made from the CRD.

Run as a program it prints the page: `fields.py CRD`. It needs PyYAML.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HEAD = """# Fields

Every field of a `ScheduledTaskPipeline`, made from the definition that the API server checks (`make generate`). `kubectl
explain stp.spec` tells the same of the version that your cluster has. `[]` stands for each entry of a list. What fields
do together is in [Tasks and deliveries](tasks-and-deliveries.md), [Layers](layers.md) and [Conditions](conditions.md).

The API server refuses what breaks these limits. What else cannot work or is not allowed, the operator refuses, with the
field's path: [`InvalidSpec` and `NotAllowed`](conditions.md#refused-before-anything-changes-on-aws).
"""
COLUMNS = ("field", "type", "default", "limits", "meaning")
PATTERNS = {
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": "lower-case letters, digits and `-`, which is not at an end",
    "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$": "lower-case letters, digits, `-` and `.`, which are not at an end",
    "^[-._a-zA-Z0-9]+$": "letters, digits, `-`, `.` and `_`",
    "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$": "characters of a header's name",
}
SHARED = "secretKeyRef"
SHARED_PATH = f"{SHARED}."

Row = tuple[str, ...]
"""The cells of a field, one for each of `COLUMNS`."""


def main() -> None:
    sys.stdout.write(page(yaml.safe_load(Path(sys.argv[1]).read_text())))


def page(crd: dict[str, Any]) -> str:
    """The whole page."""
    (version,) = crd["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    spec, status = schema["properties"]["spec"], schema["properties"]["status"]
    sections = [
        *sections_of("spec", spec),
        section(SHARED, "A key of a Secret in the pipeline's own namespace.", [], rows(SHARED_PATH, first(spec, SHARED))),
        *sections_of("status", status),
    ]
    return "\n".join([HEAD, *sections])


def sections_of(path: str, schema: dict[str, Any]) -> Iterator[str]:
    """A section for the fields of `spec` or `status` that have none below them, and one for each that has."""
    below = {name: field for name, field in schema["properties"].items() if children(field)}
    overview = [linked(path, name, row_of(f"{path}.", name, field, schema)) if name in below
                else row_of(f"{path}.", name, field, schema) for name, field in schema["properties"].items()]
    yield section(path, schema.get("description"), rules(schema), overview)
    for name, field in below.items():
        inner = children(field) or {}
        title, prefix = f"{path}.{name}{brackets(field)}", f"{name}{brackets(field)}."
        yield section(title, inner.get("description") or field.get("description"), rules(inner), rows(prefix, inner))


def linked(path: str, name: str, row: Row) -> Row:
    """The row of a field that has a section, which it leads to."""
    field, kind, *rest = row
    return (field, f"[{kind}](#{path}{name.lower()})", *rest)


def section(title: str, text: str | None, bullets: list[str], table: list[Row]) -> str:
    """A heading, what it is about, rules that span its fields, and its fields."""
    lines = [f"## {title}", ""]
    if text:
        lines += [*wrapped(text), ""]
    if bullets:
        lines += [*(f"- {bullet}" for bullet in bullets), ""]
    lines += [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in table]
    return "\n".join(lines) + "\n"


def rows(prefix: str, schema: dict[str, Any]) -> list[Row]:
    """A row for each field below a schema, and for those below them."""
    found: list[Row] = []
    for name, field in schema["properties"].items():
        inner = children(field)
        path, kind, default, limited, text = row_of(prefix, name, field, schema)
        of_entries = rules(inner) if inner and "items" in field else []
        found.append((path, kind, default, "; ".join(filter(None, [limited, *of_entries])), text))
        if inner and not (name == SHARED and prefix != SHARED_PATH):
            found += rows(f"{prefix}{name}{brackets(field)}.", inner)
    return found


def row_of(prefix: str, name: str, field: dict[str, Any], parent: dict[str, Any]) -> Row:
    """One field."""
    path = prefix.removeprefix("spec.").removeprefix("status.") + name
    default = "required" if name in parent.get("required", []) else ""
    if "default" in field and not field.get("properties"):
        default = shown(field["default"])
    text = " ".join(field.get("description", "").split())
    return f"`{path}`", type_of(name, field), default, "; ".join(limits(field)), text


def type_of(name: str, field: dict[str, Any]) -> str:
    """What may be written there, in a few words."""
    if name == SHARED:
        return f"[{SHARED}](#{SHARED.lower()})"
    if field.get("x-kubernetes-int-or-string"):
        return "integer or text"
    kind = field.get("type")
    if kind == "array":
        return f"list of {plural(type_of('', field['items']))}"
    if kind == "object" and "additionalProperties" in field:
        return f"map of {plural(type_of('', field['additionalProperties']))}"
    if kind == "string":
        return "time" if field.get("format") == "date-time" else "text"
    if kind == "object" and not field.get("properties"):
        return "any object"
    return kind or "any JSON"


def plural(kind: str) -> str:
    """The same, several times."""
    if " " in kind:
        return {"any object": "objects", "integer or text": "integers or texts", "any JSON": "anything"}[kind]
    return f"{kind}s"


def limits(field: dict[str, Any]) -> list[str]:
    """What a value has to keep to."""
    found = []
    if "enum" in field:
        found.append(", ".join(shown(value) for value in field["enum"] if value is not None))
    found += between("", field.get("minimum"), field.get("maximum"))
    found += between(" characters", field.get("minLength"), field.get("maxLength"))
    found += between(" entries", field.get("minItems", field.get("minProperties")),
                     field.get("maxItems", field.get("maxProperties")))
    if "pattern" in field:
        found.append(PATTERNS.get(field["pattern"], code(field["pattern"])))
    each = limits(field["items"]) if "items" in field and not children(field) else []
    each += limits(field["additionalProperties"]) if "additionalProperties" in field else []
    found += [f"each: {limit}" for limit in each]
    return found + rules(field)


def between(unit: str, least: float | None, most: float | None) -> list[str]:
    """A range in words: `1 to 9`, `at least 1`, `at most 9`."""
    if least is None:
        return [] if most is None else [f"at most {number(most)}{unit}"]
    if most is None:
        return [f"at least {number(least)}{unit}"]
    return [f"{number(least)}{unit}" if least == most else f"{number(least)} to {number(most)}{unit}"]


def rules(schema: dict[str, Any]) -> list[str]:
    """What the API server says where a rule is broken, or the rule."""
    return [escaped(rule["message"]) if "message" in rule else code(rule["rule"])
            for rule in schema.get("x-kubernetes-validations", [])]


def escaped(text: str) -> str:
    """A text that holds no markup of its own; what is in backticks stays."""
    return text if "`" in text else text.replace("*", "\\*").replace("_", "\\_")


def children(field: dict[str, Any]) -> dict[str, Any] | None:
    """The schema that has the fields below a field: its own, or that of its entries."""
    schema = field.get("items", field)
    return schema if schema.get("properties") else None


def brackets(field: dict[str, Any]) -> str:
    """What stands behind the name of a list."""
    return "[]" if "items" in field else ""


def first(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The first field of that name; the others have to be the same but for their description."""
    found = list(named(schema, name))
    assert all(bare(one) == bare(found[0]) for one in found), f"there are several kinds of {name}"
    return found[0]


def named(schema: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """All fields of that name, at any depth."""
    for key, field in schema.get("properties", {}).items():
        if key == name:
            yield field
        yield from named(field.get("items", field), name)


def bare(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what only describes it."""
    if not isinstance(schema, dict):
        return schema
    return {key: bare(value) for key, value in schema.items() if key not in ("description", "nullable")}


def number(value: float) -> str:
    """With separators, and without a fraction that is none."""
    return f"{int(value):,}" if float(value).is_integer() else str(value)


def shown(value: Any) -> str:
    """A value as it is written in YAML, on one line."""
    return code(value if isinstance(value, str) else json.dumps(value))


def code(text: str) -> str:
    """As code, whatever is in it."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def wrapped(text: str, width: int = 120) -> list[str]:
    """Lines of at most so many characters."""
    lines = [""]
    for word in text.split():
        lines.append(word) if len(lines[-1]) + 1 + len(word) > width else lines.append(f"{lines.pop()} {word}".strip())
    return lines


if __name__ == "__main__":
    main()
