"""What Slack, Discord, Telegram and Teams accept, and how they refuse the rest.

Slack: https://api.slack.com/reference/block-kit/blocks and https://api.slack.com/messaging/webhooks
Discord: https://discord.com/developers/docs/resources/webhook#execute-webhook and …/resources/message#embed-object-embed-limits
Telegram: https://core.telegram.org/bots/api#sendmessage and …#html-style
Teams: https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

SLACK_TEXT = 40_000
SLACK_BLOCKS = 50
SLACK_HEADER = 150
SLACK_SECTION = 3_000
SLACK_FIELDS = 10
SLACK_FIELD = 2_000
DISCORD_CONTENT = 2_000
DISCORD_EMBEDS = 10
DISCORD_EMBED = {"title": 256, "description": 4_096}
DISCORD_FIELDS = 25
DISCORD_FIELD = {"name": 256, "value": 1_024}
DISCORD_ALL_EMBEDS = 6_000
TELEGRAM_PATH = re.compile(r"/bot\d+:[A-Za-z0-9_-]+/sendMessage$")
TELEGRAM_TEXT = 4_096
TELEGRAM_TAGS = {"b", "i", "u", "s", "a", "code", "pre"}
TEAMS_BYTES = 28 * 1024
TEAMS_CARD = "application/vnd.microsoft.card.adaptive"
TEAMS_ELEMENTS = {"TextBlock", "RichTextBlock", "FactSet", "Container", "ColumnSet"}


class Refused(Exception):
    """The service answers with this body and status."""

    def __init__(self, answer: str, status: int = 400) -> None:
        super().__init__(answer)
        self.status = status


def slack(body: Any) -> None:
    """Raises `Refused` with Slack's own one-word answer, as plain text."""
    if not isinstance(body, dict):
        raise Refused("invalid_payload")
    text, blocks = body.get("text", ""), body.get("blocks", [])
    if not text and not blocks:
        raise Refused("no_text")
    if len(text) > SLACK_TEXT:
        raise Refused("msg_too_long")
    if len(blocks) > SLACK_BLOCKS or not all(_slack_block_fits(block) for block in blocks):
        raise Refused("invalid_blocks")


def _slack_block_fits(block: dict[str, Any]) -> Any | bool:
    text = (block.get("text") or {}).get("text", "")
    if block.get("type") == "header":
        return block["text"].get("type") == "plain_text" and 0 < len(text) <= SLACK_HEADER
    if block.get("type") == "section":
        fields = block.get("fields", [])
        fields_fit = len(fields) <= SLACK_FIELDS and all(0 < len(field["text"]) <= SLACK_FIELD for field in fields)
        return len(text) <= SLACK_SECTION and bool(text or fields) and fields_fit
    return bool(block.get("type"))


def discord(body: Any) -> None:
    """Raises `Refused` with Discord's own answer, as JSON."""
    if not isinstance(body, dict):
        raise Refused(json.dumps({"message": "The request body contains invalid JSON.", "code": 50109}))
    embeds = body.get("embeds", [])
    if not body.get("content") and not embeds:
        raise Refused(json.dumps({"message": "Cannot send an empty message", "code": 50006}))
    _discord_at_most(body, "content", DISCORD_CONTENT)
    if len(embeds) > DISCORD_EMBEDS:
        raise _discord_form("embeds", f"Must be {DISCORD_EMBEDS} or fewer in length.")
    for embed in embeds:
        for key, most in DISCORD_EMBED.items():
            _discord_at_most(embed, key, most)
        if len(embed.get("fields", [])) > DISCORD_FIELDS:
            raise _discord_form("fields", f"Must be {DISCORD_FIELDS} or fewer in length.")
        for field in embed.get("fields", []):
            for key, most in DISCORD_FIELD.items():
                if not field.get(key):
                    raise _discord_form(key, "This field is required")
                _discord_at_most(field, key, most)
    if sum(len(text) for embed in embeds for text in _discord_texts(embed)) > DISCORD_ALL_EMBEDS:
        raise _discord_form("embeds", f"Embed size exceeds maximum size of {DISCORD_ALL_EMBEDS}")


def _discord_at_most(part: dict[str, Any], key: str, most: int) -> None:
    if len(part.get(key) or "") > most:
        raise _discord_form(key, f"Must be {most} or fewer in length.")


def _discord_form(key: str, message: str) -> Refused:
    errors = {key: {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": message}]}}
    return Refused(json.dumps({"message": "Invalid Form Body", "code": 50035, "errors": errors}))


def _discord_texts(embed: dict[str, Any]) -> Iterator[str]:
    yield from (embed.get(key) or "" for key in ("title", "description"))
    yield (embed.get("footer") or {}).get("text", "")
    yield (embed.get("author") or {}).get("name", "")
    for field in embed.get("fields", []):
        yield field.get("name", "")
        yield field.get("value", "")


def telegram(body: Any) -> None:
    """Raises `Refused` with Telegram's own answer, as JSON."""
    if not isinstance(body, dict) or not body.get("chat_id"):
        raise _telegram("chat_id is empty")
    text = body.get("text") or ""
    shown = telegram_text(text) if body.get("parse_mode") == "HTML" else text
    if not shown.strip():
        raise _telegram("message text is empty")
    if len(shown.encode("utf-16-le")) // 2 > TELEGRAM_TEXT:
        raise _telegram("message is too long")


def _telegram(description: str) -> Refused:
    return Refused(json.dumps({"ok": False, "error_code": 400, "description": f"Bad Request: {description}"}))


def telegram_text(html: str) -> str:
    """What Telegram shows of its HTML; anything else but well nested, known tags is refused."""
    parser = _TelegramHtml()
    parser.feed(html)
    parser.close()
    if parser.open:
        raise _telegram(f"can't parse entities: Can't find end tag corresponding to start tag {parser.open[-1]}")
    return parser.text


class _TelegramHtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TELEGRAM_TAGS:
            raise _telegram(f'can\'t parse entities: Unsupported start tag "{tag}"')
        if {"code", "pre"} & {tag, *self.open} and self.open:
            raise _telegram("can't parse entities: code stands in or around something else")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise _telegram(f'can\'t parse entities: Unmatched end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.text += data


def teams(body: Any) -> None:
    """Raises `Refused` as the flow behind a webhook does."""
    attachments = body.get("attachments") if isinstance(body, dict) else None
    if not attachments or body.get("type") != "message":
        raise Refused("the template language expression cannot be evaluated: property 'attachments' doesn't exist")
    for attachment in attachments:
        card = attachment.get("content", {})
        fits = attachment.get("contentType") == TEAMS_CARD and card.get("type") == "AdaptiveCard" and card.get("version")
        if not fits or not card.get("body") or not all(_teams_element_fits(element) for element in card["body"]):
            raise Refused("Bot API: Bad format of conversation activity: the card cannot be parsed")


def teams_size(raw: str) -> None:
    """Raises `Refused` where the request is too large."""
    if len(raw.encode()) > TEAMS_BYTES:
        raise Refused("Request Entity Too Large", 413)


def _teams_element_fits(element: dict[str, Any]) -> bool:
    if element.get("type") == "RichTextBlock":
        return bool(element.get("inlines")) and all(run["type"] == "TextRun" and run["text"] for run in element["inlines"])
    if element.get("type") == "FactSet":
        return all(fact["title"] and fact["value"] for fact in element["facts"])
    return element.get("type") in TEAMS_ELEMENTS


def _teams_lines(element: dict[str, Any]) -> Iterator[str]:
    yield element.get("text", "")
    yield "".join(run.get("text", "") for run in element.get("inlines", []))
    for fact in element.get("facts", []):
        yield f"{fact['title']} {fact['value']}"


def readable(service: str, body: Any) -> str:
    """What a person would read of a message."""
    if not isinstance(body, dict):
        return body if isinstance(body, str) else json.dumps(body)
    if service == "slack":
        parts = [text for block in body.get("blocks", []) for text in _slack_texts(block)] or [body.get("text", "")]
    elif service == "discord":
        parts = [body.get("content") or "", *(text for embed in body.get("embeds", []) for text in _discord_texts(embed))]
    elif service == "telegram":
        try:
            parts = [telegram_text(body.get("text", ""))]
        except Refused:
            parts = [body.get("text", "")]
    elif service == "teams":
        elements = [element for part in body.get("attachments", []) for element in part.get("content", {}).get("body", [])]
        parts = [line for element in elements for line in _teams_lines(element)]
    else:
        parts = [json.dumps(body, ensure_ascii=False)]
    return "\n".join(part for part in parts if part)


def _slack_texts(block: dict[str, Any]) -> Iterator[str]:
    yield (block.get("text") or {}).get("text", "")
    for part in [*block.get("fields", []), *block.get("elements", [])]:
        yield part.get("text", "") if isinstance(part.get("text"), str) else ""
