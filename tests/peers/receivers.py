"""Receivers of what evidenced tells: `aiosmtpd` takes mail, `standardwebhooks` judges signed webhooks. Each thing that came is a
line of JSON in FILE. Beside it, FILE.refuse makes a receiver refuse, FILE.hang makes it take and never answer."""

import email
import email.policy
import json
import os
import socket
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from standardwebhooks import Webhook, WebhookVerificationError

kind, port, file = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def came(what):
    with open(file, "a") as out:
        out.write(json.dumps(what) + "\n")
        out.flush()


def free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_told(what):
    return os.path.exists(f"{file}.{what}")


class Mail:
    async def handle_DATA(self, server, session, envelope):
        if is_told("refuse"):
            return "451 try later"
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        came(
            {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "headers": {name.lower(): str(value) for name, value in letter.items()},
                "text": letter.get_body(("plain",)).get_content(),
                "html": letter.get_body(("html",)).get_content(),
                "tls": session.ssl is not None,
                "login": session.auth_data.login.decode() if session.authenticated else None,
            }
        )
        return "250 taken"


def smtp(certificate=None, user=None, password=None):
    options = {}
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate + ".pem", certificate + ".key")
        options["tls_context"] = context
        options["require_starttls"] = True
    if user:

        def judge(server, session, envelope, mechanism, data):
            good = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
            return AuthResult(success=good, auth_data=data)

        options["authenticator"] = judge
        options["auth_required"] = True
        options["auth_require_tls"] = bool(certificate)

    class Sink(Controller):
        def factory(self):
            return SMTP(self.handler, enable_SMTPUTF8=True, hostname="sink.example", **options)

    # the controller makes sure by a connection of its own, and wants to know where to
    chosen = port or free()
    Sink(Mail(), hostname="127.0.0.1", port=chosen).start()
    print(chosen, flush=True)
    while True:
        time.sleep(3600)


class Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(405)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        signed = None
        if len(sys.argv) > 4:
            try:
                Webhook(sys.argv[4]).verify(body, headers)
                signed = True
            except WebhookVerificationError as error:
                came({"refused": str(error), "headers": headers, "body": body.decode()})
                return self.answer(401)
        if is_told("refuse"):
            return self.answer(503)
        came({"path": self.path, "headers": headers, "body": json.loads(body), "signed": signed})
        while is_told("hang"):
            time.sleep(0.1)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


if kind == "smtp":
    smtp(*sys.argv[4:])
else:
    server = ThreadingHTTPServer(("127.0.0.1", port), Hook)
    print(server.server_address[1], flush=True)
    server.serve_forever()
