"""Publishing events to the default event bus as AWS services do.

Nobody but a service of AWS may publish with a source that begins with "aws.". What no service of a local cloud has a
reason to say, such as that EC2 takes a Spot instance back, is said by whoever plays AWS here: with PutEvents, and a source
that begins with "local.aws.".
"""

import datetime
import json
import logging

import hooks
from ministack.services import eventbridge

_PLAYED = "local.aws."

logger = logging.getLogger("davit.events")


def install():
    """Check what publishing leans on, and let events of AWS be played."""
    hooks.function(eventbridge, "_put_events", ("data", "allow_aws_source"))
    hooks.wrap(eventbridge, "_put_events", ("data", "allow_aws_source"), put_events)


def put_events(original, data, allow_aws_source=False):
    """PutEvents, in which a source that begins with local.aws. is AWS's own."""
    entries = data.get("Entries", [])
    played = [str(entry.get("Source", "")).startswith(_PLAYED) for entry in entries]
    if not any(played) or len(entries) > 10:
        return original(data, allow_aws_source)
    answers = [original({**data, "Entries": [{**entry, "Source": entry["Source"].removeprefix("local.")} if plays else entry]},
                        allow_aws_source or plays) for entry, plays in zip(entries, played)]
    results = [json.loads(body)["Entries"][0] for _, _, body in answers]
    status, headers, _ = answers[0]
    return status, headers, json.dumps({
        "FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}).encode()


def publish(source, detail_type, resources, detail):
    """Put one event on the default bus of the current request's account and region.

    The envelope (version "0", id, time, account, region) is the emulator's own:
    https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html
    A rule or target that fails is logged. It must not fail the call that caused the event: no AWS service waits for
    its events.
    """
    entry = {"Source": source, "DetailType": detail_type, "Resources": resources, "Detail": json.dumps(detail)}
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:
        logger.exception("event %s of %s was not published", detail_type, source)


def iso_milliseconds(moment=None):
    """The moment (an aware datetime, default now) as ECS events write it: 2026-11-22T19:55:38.725Z."""
    return f"{_utc(moment):%Y-%m-%dT%H:%M:%S}.{_utc(moment).microsecond // 1000:03d}Z"


def iso_offset(moment=None):
    """The moment (an aware datetime, default now) as CloudWatch events write it: 2026-11-22T19:55:38.725+0000."""
    return f"{_utc(moment):%Y-%m-%dT%H:%M:%S}.{_utc(moment).microsecond // 1000:03d}+0000"


def _utc(moment):
    return (moment or datetime.datetime.now(datetime.timezone.utc)).astimezone(datetime.timezone.utc)
