"""CloudWatch: the event of an alarm that changed its state.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

import json
import re
import uuid

import events
import hooks
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch

# The state of each alarm as last recorded, which is the previous state of the next event.
_last_states = {}

# The emulator's own words for an evaluated metric alarm; the datapoint stands nowhere else.
_CROSSED = re.compile(r"^Threshold Crossed: (?P<statistic>\S+) (?P<value>\S+) ")

# Configuration of a composite alarm, by the name of its record's field.
_COMPOSITE_FIELDS = {
    "AlarmRule": "alarmRule",
    "ActionsSuppressor": "actionsSuppressor",
    "ActionsSuppressorWaitPeriod": "actionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod": "actionsSuppressorExtensionPeriod",
}


def install():
    """Hook the one function that every change of an alarm's state passes."""
    for name in ("_alarms", "_composite_alarms"):
        hooks.attribute(cloudwatch, name)
    hooks.wrap(cloudwatch, "_record_history",
               ("alarm_name", "old_state", "new_state", "reason", "alarm_type", "reason_data"), record_history)


def record_history(original, alarm_name, old_state, new_state, reason, alarm_type="MetricAlarm", reason_data=None):
    """Record the change and publish it. The creation of an alarm is recorded, too, but changes no state."""
    original(alarm_name, old_state, new_state, reason, alarm_type, reason_data)
    alarm = cloudwatch._alarms.get(alarm_name) or cloudwatch._composite_alarms.get(alarm_name)
    if alarm is None:
        return
    key = (get_account_id(), get_region(), alarm_name)
    state = _state(alarm, new_state, reason)
    previous = _last_states.get(key)
    if previous is None or previous["value"] != old_state:
        previous = {**state, "value": old_state, "reason": "Unchecked: Initial alarm creation"}
        previous.pop("reasonData", None)
    _last_states[key] = state
    if old_state == new_state:
        return
    events.publish("aws.cloudwatch", "CloudWatch Alarm State Change", [alarm["AlarmArn"]], {
        "alarmName": alarm_name,
        "configuration": _configuration(alarm),
        "previousState": previous,
        "state": state,
    })


def _state(alarm, value, reason):
    state = {"reason": reason, "timestamp": events.iso_offset(), "value": value}
    data = _reason_data(alarm, reason)
    if data:
        state["reasonData"] = data
    return state


def _reason_data(alarm, reason):
    """What the reason rests on, as JSON text: given with SetAlarmState, of a composite's children, or evaluated."""
    crossed = _CROSSED.match(reason)
    if not crossed:
        given = alarm.get("StateReasonData")
        return given if given is None or isinstance(given, str) else json.dumps(given)
    now = events.iso_offset()
    return json.dumps({
        "version": "1.0",
        "queryDate": now,
        "startDate": now,
        "statistic": crossed["statistic"],
        "period": alarm.get("Period", 60),
        "recentDatapoints": [float(crossed["value"])],
        "threshold": alarm.get("Threshold", 0.0),
    }, separators=(",", ":"))


def _configuration(alarm):
    configuration = {}
    if alarm.get("AlarmDescription"):
        configuration["description"] = alarm["AlarmDescription"]
    if alarm.get("AlarmRule"):
        configuration.update({name: alarm[field] for field, name in _COMPOSITE_FIELDS.items() if alarm.get(field)})
        return configuration
    configuration["metrics"] = _metrics(alarm)
    return configuration


def _metrics(alarm):
    """The alarm's metric, or the metrics and expressions of a metric math alarm."""
    if not alarm.get("Metrics"):
        metric = _metric_stat(alarm, alarm.get("Period", 60),
                              alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average"))
        # AWS makes up the identifier; here it stays the same for the same alarm.
        return [{"id": str(uuid.uuid5(uuid.NAMESPACE_URL, alarm["AlarmArn"])), "metricStat": metric,
                 "returnData": True}]
    metrics = []
    for query in alarm["Metrics"]:
        metric = {"id": query.get("Id", ""), "returnData": query.get("ReturnData", True)}
        for field, name in (("Expression", "expression"), ("Label", "label"), ("Period", "period")):
            if query.get(field) is not None:
                metric[name] = query[field]
        if query.get("MetricStat"):
            stat = query["MetricStat"]
            metric["metricStat"] = _metric_stat(stat.get("Metric", {}), stat.get("Period", 60), stat.get("Stat", ""))
        metrics.append(metric)
    return metrics


def _metric_stat(metric, period, stat):
    return {
        "metric": {
            "dimensions": {dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions") or []},
            "name": metric.get("MetricName") or "",
            "namespace": metric.get("Namespace") or "",
        },
        "period": period,
        "stat": stat,
    }
