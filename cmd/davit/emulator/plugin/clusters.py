"""EKS: clusters that are real, and what their control planes ask of STS.

A cluster is a process of the program that DAVIT_CONTROL_PLANE names, where MiniStack would start k3s in a container.
Without the program there is nothing behind a cluster but its record. The program verifies tokens as EKS does, by a call
of STS that the bearer has signed: https://docs.aws.amazon.com/eks/latest/userguide/cluster-auth.html
"""

import base64
import logging
import os
import shutil
import socket
import subprocess
import time
import urllib.parse
from xml.etree import ElementTree as xml

import hooks
from ministack.core import iam_evaluator
from ministack.core.responses import error_response_json, get_account_id, json_response
from ministack.core.router import extract_access_key_id
from ministack.services import eks, sts
from ministack.services.cloudformation import provisioners

logger = logging.getLogger("davit.clusters")

# Seconds after which a control plane that is not ready has failed.
_PATIENCE = 120
_POLL = 0.05

_CLUSTER_HEADER = "x-k8s-aws-id"


def install():
    """Hook the life of a cluster where MiniStack handles its container, and the call of STS in a token."""
    for name in ("_MINISTACK_HOST", "_clusters"):
        hooks.attribute(eks, name)
    eks._MINISTACK_HOST = "127.0.0.1"
    engine = _Engine(os.environ.pop("DAVIT_CONTROL_PLANE", ""))
    hooks.wrap(eks, "_get_docker", (), lambda original: engine if engine.program else None)
    hooks.wrap(eks, "_get_ministack_network", ("client",), lambda original, client: None)
    hooks.wrap(eks, "_next_port", (), free_port)
    hooks.wrap(eks, "_k3s_run_kwargs",
               ("name", "region", "port", "ms_network", "oidc_args", "node_labels", "account_id"), control_plane)
    hooks.wrap(eks, "_start_k3s_container", ("client", "run_kwargs", "registries_yaml", "auth_webhook_config"),
               start_control_plane)
    hooks.wrap(eks, "_extract_ca_cert", ("container", "timeout"),
               lambda original, container, timeout=None: container.authority)
    # The control plane asks for access entries and binds their policies by itself.
    hooks.wrap(eks, "_schedule_access_policy_reconcile", ("cluster_name", "account_id", "region"),
               lambda original, *arguments, **named: None)
    hooks.wrap(provisioners, "_eks_cluster_create", ("logical_id", "props", "stack_name"), create_cluster)
    hooks.function(eks, "_verify_eks_token", ("token", "cluster_name"))
    hooks.wrap(sts, "handle_request", ("method", "path", "headers", "body", "query_params"), identify)


def free_port(original):
    """A port that nobody listens on, since other emulators of this machine have clusters as well."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def control_plane(original, name, region, port, ms_network=None, oidc_args=None, node_labels=None, account_id=None):
    """What is to be started for the cluster, in the place of a container's description."""
    return {"name": name, "region": region, "port": port, "account": account_id or get_account_id()}


def start_control_plane(original, client, run_kwargs, registries_yaml, auth_webhook_config=None):
    """Start the control plane and answer it when it is ready. A cluster whose control plane does not start has failed."""
    account = run_kwargs.pop("account")
    try:
        return client.start(**run_kwargs)
    except (OSError, RuntimeError) as error:
        logger.error("cluster %s: %s", run_kwargs["name"], error)
        cluster = eks._clusters.get_scoped(account, run_kwargs["region"], run_kwargs["name"])
        if cluster:
            cluster["status"] = "FAILED"
        raise SystemExit from error  # this thread is the cluster's, and would call it active


def create_cluster(original, logical_id, props, stack_name):
    """The cluster of a template, which like on AWS is made when it is active."""
    name, _ = original(logical_id, props, stack_name)
    while eks._clusters[name]["status"] == "CREATING":
        time.sleep(_POLL)
    cluster = eks._clusters[name]
    if cluster["status"] != "ACTIVE":
        raise ValueError(f"cluster {name} is {cluster['status']}")
    return name, provisioners._eks_cluster_attrs(cluster)


async def identify(original, method, path, headers, body, query_params):
    """GetCallerIdentity as who verifies a token calls it: the caller's signature counts, and the answer may be JSON."""
    if _CLUSTER_HEADER not in headers:
        return await original(method, path, headers, body, query_params)
    if not _is_signed(headers, query_params):
        return error_response_json("SignatureDoesNotMatch", "The request signature we calculated does not match the "
                                   "signature you provided.", 403)
    response = await original(method, path, headers, body, query_params)
    if response[0] != 200 or headers.get("accept") != "application/json":
        return response
    identity = {field.tag.rpartition("}")[2]: field.text for field in xml.fromstring(response[2]).iter()}
    result = {name: identity[name] for name in ("Account", "Arn", "UserId")}
    return json_response({"GetCallerIdentityResponse": {
        "GetCallerIdentityResult": result, "ResponseMetadata": {"RequestId": identity.get("RequestId", "")}}})


def _is_signed(headers, query_params):
    """Tell whether the call was signed for the cluster by its caller; whoever is a stranger to this emulator is root."""
    if iam_evaluator.is_root_access_key(extract_access_key_id(headers, query_params)):
        return True
    address = f"https://{headers['host']}/?{urllib.parse.urlencode(query_params, doseq=True)}"
    token = "k8s-aws-v1." + base64.urlsafe_b64encode(address.encode()).decode().rstrip("=")
    return eks._verify_eks_token(token, headers[_CLUSTER_HEADER]) is not None


class _Engine:
    """The control planes of this process, with what MiniStack asks of Docker and its list of containers."""

    def __init__(self, program):
        self.program = program
        self.containers = self
        self._started = {}

    def start(self, name, region, port):
        started = _ControlPlane(self.program, name, region, port)
        self._started[started.id] = started
        started.await_ready()
        return started

    def get(self, identifier):
        return self._started[identifier]

    def list(self, filters):
        return list(self._started.values())


class _ControlPlane:
    """The process of a cluster, with what MiniStack asks of a container."""

    def __init__(self, program, name, region, port):
        self.id = f"{region}/{name}"
        self._directory = os.path.join(os.getcwd(), "kubernetes", region, name)
        os.makedirs(os.path.dirname(self._directory), mode=0o700, exist_ok=True)
        with open(self._directory + ".log", "wb") as log:
            # It ends when the other end of its standard input is closed, and so with this process.
            self._process = subprocess.Popen(
                [program, "-directory", self._directory, "-cluster", name, "-region", region, "-port", str(port),
                 "-cloud", os.environ["AWS_ENDPOINT_URL"]],
                stdin=subprocess.PIPE, stdout=log, stderr=log,
                env={variable: os.environ[variable] for variable in ("PATH", "HOME", "TMPDIR")})

    def await_ready(self):
        """Return when the administrator's kubeconfig is there, which is written last."""
        deadline = time.monotonic() + _PATIENCE
        while not os.path.exists(os.path.join(self._directory, "kubeconfig")):
            if self._process.poll() is not None:
                raise RuntimeError(f"the control plane ended: see {self._directory}.log")
            if time.monotonic() > deadline:
                self.stop(0)
                raise RuntimeError(f"the control plane is not ready after {_PATIENCE} s: see {self._directory}.log")
            time.sleep(_POLL)

    @property
    def authority(self):
        """The certificate of the cluster's authority, as DescribeCluster has it."""
        with open(os.path.join(self._directory, "ca.crt"), "rb") as certificate:
            return base64.b64encode(certificate.read()).decode()

    def stop(self, timeout):
        """End the process, which has the seconds to end by itself."""
        self._process.stdin.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def remove(self, v, force):
        """Remove what the cluster wrote, but for its log."""
        shutil.rmtree(self._directory, ignore_errors=True)
