"""Answers that reach the client in one piece.

The server sends the head of an answer by itself, and then its body. A client in Go that gets the head before it has
noticed the end of its own request closes the connection, and cannot read the body any more: about one call of a thousand
then fails, is tried again a second later, and is carried out twice.
"""

import h11
import hooks
from hypercorn.events import RawData
from hypercorn.protocol.h11 import H11Protocol


def install():
    """Hook the sending of the parts of an answer."""
    hooks.wrap(H11Protocol, "_send_h11_event", ("self", "event"), send_event)


async def send_event(original, protocol, event):
    """Send a part of an answer; the head waits for the next part, which comes at once."""
    head, send, sent = protocol.__dict__.pop("davit_head", b""), protocol.send, []

    async def collect(part):
        sent.append(part.data)

    protocol.send = collect
    try:
        await original(protocol, event)
    finally:
        protocol.send = send
    data = head + b"".join(sent)
    if isinstance(event, h11.Response):
        protocol.davit_head = data
    elif data:
        await send(RawData(data=data))
