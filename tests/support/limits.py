"""What Slack and Discord accept, and how they refuse the rest.

Slack: https://api.slack.com/reference/block-kit/blocks and https://api.slack.com/messaging/webhooks
Discord: https://discord.com/developers/docs/resources/webhook#execute-webhook and …/resources/message#embed-object-embed-limits
"""

import json

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


class Refused(Exception):
    """The service answers with this body and status 400."""


def slack(body):
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


def _slack_block_fits(block):
    text = (block.get("text") or {}).get("text", "")
    if block.get("type") == "header":
        return block["text"].get("type") == "plain_text" and 0 < len(text) <= SLACK_HEADER
    if block.get("type") == "section":
        fields = block.get("fields", [])
        fields_fit = len(fields) <= SLACK_FIELDS and all(0 < len(field["text"]) <= SLACK_FIELD for field in fields)
        return len(text) <= SLACK_SECTION and bool(text or fields) and fields_fit
    return bool(block.get("type"))


def discord(body):
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


def _discord_at_most(part, key, most):
    if len(part.get(key) or "") > most:
        raise _discord_form(key, f"Must be {most} or fewer in length.")


def _discord_form(key, message):
    errors = {key: {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": message}]}}
    return Refused(json.dumps({"message": "Invalid Form Body", "code": 50035, "errors": errors}))


def _discord_texts(embed):
    yield from (embed.get(key) or "" for key in ("title", "description"))
    yield (embed.get("footer") or {}).get("text", "")
    yield (embed.get("author") or {}).get("name", "")
    for field in embed.get("fields", []):
        yield field.get("name", "")
        yield field.get("value", "")


def readable(service, body):
    """What a person would read of a message."""
    if not isinstance(body, dict):
        return body if isinstance(body, str) else json.dumps(body)
    if service == "slack":
        parts = [text for block in body.get("blocks", []) for text in _slack_texts(block)] or [body.get("text", "")]
    elif service == "discord":
        parts = [body.get("content") or "", *(text for embed in body.get("embeds", []) for text in _discord_texts(embed))]
    else:
        parts = [json.dumps(body, ensure_ascii=False)]
    return "\n".join(part for part in parts if part)


def _slack_texts(block):
    yield (block.get("text") or {}).get("text", "")
    for part in [*block.get("fields", []), *block.get("elements", [])]:
        yield part.get("text", "") if isinstance(part.get("text"), str) else ""
