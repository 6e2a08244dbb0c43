"""A mail server for tests: listens on a free port, says which, and then each mail it takes as a line of JSON."""
import email, email.policy, json, socket, sys
from aiosmtpd.controller import Controller

class Mailbox:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        print(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": mail["subject"],
            "text": mail.get_content()}), flush=True)
        return "250 taken"

# The controller calls itself to see that it listens, so it has to be told a port.
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
Controller(Mailbox(), hostname="127.0.0.1", port=port).start()
print(port, flush=True)
sys.stdin.read()
