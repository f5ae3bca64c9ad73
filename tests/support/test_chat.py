from __future__ import annotations

import json
import socket
import threading
import unittest
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from chat import Chat


class ChatTest(unittest.TestCase):
    def setUp(self) -> None:
        self.chat = Chat()
        threading.Thread(target=self.chat.serve_forever, daemon=True).start()
        self.addCleanup(self.chat.server_close)
        self.addCleanup(self.chat.shutdown)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, str, Any]:
        """Status, body and headers of an answer."""
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.chat.url + path, data=data, method=method), timeout=10) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers

    def messages(self) -> Any:
        return json.loads(self.ask("GET", "/_messages")[1])

    def test_slack_answers_ok_and_the_message_reads_as_a_person_would(self) -> None:
        blocks = [{"type": "header", "text": {"type": "plain_text", "text": "Report"}},
                  {"type": "section", "text": {"type": "mrkdwn", "text": "*7* visits"}}]
        self.assertEqual(self.ask("POST", "/slack/T/B/x", {"text": "Report", "blocks": blocks})[:2], (200, "ok"))
        message, = self.messages()
        self.assertEqual((message["service"], message["text"], message["status"]), ("slack", "Report\n*7* visits", 200))

    def test_a_body_of_a_length_that_is_not_said_is_refused(self) -> None:
        for headers, status in (("", b"411"), ("Content-Length: 0\r\n", b"200"), ("content-length: 0\r\n", b"200")):
            with self.subTest(headers), socket.create_connection(("127.0.0.1", self.chat.server_port), timeout=10) as connection:
                connection.sendall(f"POST /hook/x HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
                self.assertEqual(connection.recv(100).split()[1], status)

    def test_slack_refuses_what_is_too_long(self) -> None:
        section = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
        for body, answer in (
            ({"text": "x" * 40_001}, "msg_too_long"),
            ({"text": ""}, "no_text"),
            ({"blocks": [section] * 51}, "invalid_blocks"),
            ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3_001}}]}, "invalid_blocks"),
            ({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}, "invalid_blocks"),
            ("text", "invalid_payload"),
        ):
            with self.subTest(answer):
                self.assertEqual(self.ask("POST", "/slack/x", body)[:2], (400, answer))

    def test_discord_answers_204_or_the_message(self) -> None:
        self.assertEqual(self.ask("POST", "/discord/1/x", {"content": "hi"})[0], 204)
        status, body, _ = self.ask("POST", "/discord/1/x?wait=true", {"embeds": [{"title": "a", "description": "b"}]})
        self.assertEqual((status, json.loads(body)["embeds"][0]["title"]), (200, "a"))
        self.assertEqual([message["text"] for message in self.messages()], ["hi", "a\nb"])

    def test_discord_refuses_what_is_too_long(self) -> None:
        embed = {"description": "x" * 4_096}
        for body, key in (
            ({"content": "x" * 2_001}, "content"),
            ({"embeds": [{"title": "x" * 257}]}, "title"),
            ({"embeds": [{"fields": [{"name": "n", "value": "x" * 1_025}]}]}, "value"),
            ({"embeds": [embed, embed]}, "embeds"),
            ({"embeds": [{"title": "x"}] * 11}, "embeds"),
        ):
            with self.subTest(key):
                status, answer, _ = self.ask("POST", "/discord/x", body)
                self.assertEqual((status, json.loads(answer)["code"], *json.loads(answer)["errors"]), (400, 50035, key))
        self.assertEqual(json.loads(self.ask("POST", "/discord/x", {})[1])["code"], 50006)

    def test_telegram_takes_well_nested_html_and_shows_its_text(self) -> None:
        path = "/telegram/x/bot12:a-b_C/sendMessage"
        text = "<b>7</b> &lt;visits&gt; <a href=\"https://a.example\"><i>b</i></a>"
        body = {"chat_id": "@a", "text": text, "parse_mode": "HTML"}
        self.assertEqual(json.loads(self.ask("POST", path, body)[1])["ok"], True)
        self.assertEqual(self.messages()[0]["text"], "7 <visits> b")
        for text, why in (
            ("", "message text is empty"),
            ("😀" * 2_049, "message is too long"),
            ("<b>a", "Can't find end tag corresponding to start tag b"),
            ("<b><i>a</b></i>", "Unmatched end tag"),
            ("<p>a</p>", 'Unsupported start tag "p"'),
            ("<b><code>a</code></b>", "code stands in or around something else"),
        ):
            with self.subTest(why):
                status, answer, _ = self.ask("POST", path, {**body, "text": text})
                self.assertEqual(status, 400)
                self.assertIn(why, json.loads(answer)["description"])
        self.assertEqual(self.ask("POST", "/telegram/x/botnone/sendMessage", body)[0], 404)
        self.assertEqual(self.ask("POST", path, {"text": "a"})[0], 400)

    def test_teams_takes_cards_up_to_their_size(self) -> None:
        def message(*body: Any) -> dict[str, Any]:
            card = {"type": "AdaptiveCard", "version": "1.4", "body": list(body)}
            return {"type": "message",
                    "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}]}

        line = {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": "7 "}, {"type": "TextRun", "text": "up"}]}
        facts = {"type": "FactSet", "facts": [{"title": "Run", "value": "x"}]}
        self.assertEqual(self.ask("POST", "/teams/x", message(line, facts))[:2], (202, ""))
        self.assertEqual(self.messages()[0]["text"], "7 up\nRun x")
        for body, status in (
            ({"text": "hi"}, 400),
            (message(), 400),
            (message({"type": "RichTextBlock", "inlines": []}), 400),
            (message({"type": "TextBlock", "text": "x" * 29_000}), 413),
        ):
            self.assertEqual(self.ask("POST", "/teams/x", body)[0], status)

    def test_answers_can_be_scripted_for_a_path(self) -> None:
        rule = {"path": "/slack/x", "status": 429, "headers": {"Retry-After": "3"}, "count": 2, "body": "slow down"}
        self.assertEqual(self.ask("POST", "/_behaviour", rule)[0], 200)
        answers = [self.ask("POST", "/slack/x", {"text": "hi"}) for _ in range(3)]
        self.assertEqual([answer[0] for answer in answers], [429, 429, 200])
        self.assertEqual((answers[0][1], answers[0][2]["Retry-After"]), ("slow down", "3"))
        self.assertEqual(self.ask("POST", "/slack/y", {"text": "hi"})[0], 200)
        self.assertEqual([message["status"] for message in self.messages()], [429, 429, 200, 200])

    def test_a_place_that_takes_one_message_a_second(self) -> None:
        rule = {"path": "/slack/x", "perSecond": 1, "count": -1}
        self.assertEqual(self.ask("POST", "/_behaviour", rule)[0], 200)
        answers = [self.ask("POST", "/slack/x", {"text": "hi"}) for _ in range(2)]
        self.assertEqual([answer[0] for answer in answers], [200, 429])
        self.assertEqual(answers[1][2]["Retry-After"], "1")

    def test_a_redirect_that_lasts(self) -> None:
        self.ask("POST", "/_behaviour", {"path": "/hook/a", "status": 302, "headers": {"Location": "/hook/b"}, "count": -1})
        for _ in range(2):
            self.assertEqual(self.ask("GET", "/hook/a")[:2], (200, "ok"))
        self.assertEqual([message["path"] for message in self.messages()], ["/hook/a", "/hook/b"] * 2)

    def test_hooks_take_anything_and_messages_can_be_forgotten(self) -> None:
        self.ask("PUT", "/hook/build", {"n": 1})
        message, = self.messages()
        self.assertEqual((message["method"], message["path"], message["body"]), ("PUT", "/hook/build", {"n": 1}))
        self.ask("DELETE", "/_messages")
        self.assertEqual(self.messages(), [])

    def test_nonsense_is_refused(self) -> None:
        self.assertEqual(self.ask("POST", "/_behaviour", {"status": 500})[0], 400)
        self.assertEqual(self.ask("GET", "/elsewhere")[0], 404)


if __name__ == "__main__":
    unittest.main()
