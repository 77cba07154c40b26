"""Stops this notebook when nothing has happened in it for a while: no cell runs, and no kernel or terminal was used."""

import argparse
import datetime
import json
import ssl
import subprocess
import urllib.request

UTC = datetime.timezone.utc


def ask(base, what):
    """What the notebook's own server says of itself; it is on this machine, with a certificate of its own making."""
    context = ssl._create_unverified_context() if base.startswith("https://localhost") else None
    with urllib.request.urlopen(f"{base}/api/{what}", timeout=20, context=context) as answer:
        return json.load(answer)


def moment(text):
    """A time of the server's, such as 2026-11-22T10:00:00.123456Z."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def last_use(kernels, terminals, started):
    """When something last happened; None while a cell runs. The start counts, so that a fresh notebook has its time."""
    if any(kernel["execution_state"] == "busy" for kernel in kernels):
        return None
    return max([started] + [moment(one["last_activity"]) for one in kernels + terminals])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=int, required=True)
    parser.add_argument("--server", default="https://localhost:8443")
    parser.add_argument("--uptime", default="/proc/uptime")
    parser.add_argument("--aws", default="aws")
    parser.add_argument("--metadata", default="/opt/ml/metadata/resource-metadata.json")
    options = parser.parse_args()
    now = datetime.datetime.now(UTC)
    with open(options.uptime, encoding="ascii") as file:
        started = now - datetime.timedelta(seconds=float(file.read().split()[0]))
    used = last_use(ask(options.server, "kernels"), ask(options.server, "terminals"), started)
    if used is None or now - used < datetime.timedelta(minutes=options.minutes):
        print(f"in use{'' if used is None else f', last at {used:%H:%M}'}")
        return
    with open(options.metadata, encoding="utf-8") as file:
        arn = json.load(file)["ResourceArn"]
    print(f"not used since {used:%Y-%m-%d %H:%M}: it stops")
    region, name = arn.split(":")[3], arn.split("/")[-1]
    subprocess.run([options.aws, "sagemaker", "stop-notebook-instance", "--region", region, "--notebook-instance-name", name],
                   check=True)


if __name__ == "__main__":
    main()
