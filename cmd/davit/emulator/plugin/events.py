"""Publishing events to the default event bus as AWS services do."""

import datetime
import json
import logging

import hooks
from ministack.services import eventbridge

logger = logging.getLogger("davit.events")


def install():
    """Check what publishing leans on."""
    hooks.function(eventbridge, "_put_events", ("data", "allow_aws_source"))


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
