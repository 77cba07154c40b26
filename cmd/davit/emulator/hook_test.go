package emulator_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runPlugin runs Python with the plugin's modules at hand, in the tests' installation.
func runPlugin(t *testing.T, program string) (output string, err error) {
	t.Helper()
	plugin, err := filepath.Abs("plugin")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), filepath.Join(installation(t), "venv", "bin", "python"), "-B", "-c", program)
	command.Env = []string{"PYTHONPATH=" + plugin, "GATEWAY_PORT=1", "HOME=" + t.TempDir(), "DOCKER_HOST=unix:///none"}
	text, err := command.CombinedOutput()
	return string(text), err
}

func TestPluginNamesTheHookThatANewerEmulatorBroke(t *testing.T) {
	const services = "ministack.services."
	for name, test := range map[string]struct{ module, change, want string }{
		"a function that is gone": {
			"registry", "from ministack.services import ecr; del ecr._put_image", services + "ecr._put_image: it is gone",
		},
		"a function with other parameters": {
			"ecs_events", "from ministack.services import ecs; ecs._run_task = lambda request: None",
			services + "ecs._run_task: it takes ('request',), the hook was written for ('data',)",
		},
		"a function that is something else": {
			"alarm_events", "from ministack.services import cloudwatch; cloudwatch._record_history = {}",
			services + "cloudwatch._record_history: it is no longer a function",
		},
		"a resource type that the emulator has now": {
			"cloudformation",
			"from ministack.services.cloudformation import provisioners as p; p._RESOURCE_HANDLERS['AWS::EC2::EIP'] = {}",
			"AWS::EC2::EIP: the emulator has this type now",
		},
		"hosts that the emulator has now": {
			"hosts", "from ministack.services import ecs; ecs._ACTION_MAP['UpdateContainerInstancesState'] = None",
			"hosts: the emulator has hosts of its own now",
		},
		"the members of a group": {
			"hosts", "from ministack.services import autoscaling; autoscaling._reconcile_instances = lambda group: None",
			services + "autoscaling._reconcile_instances: it takes ('group',), the hook was written for ('asg',)",
		},
		"the start of containers": {
			"containers", "from ministack.services import ecs; del ecs._run_docker_container",
			services + "ecs._run_docker_container: it is gone",
		},
		"the look at the containers of a task": {
			"endings", "from ministack.services import ecs; ecs._maybe_mark_stopped = lambda task: None",
			services + "ecs._maybe_mark_stopped: it takes ('task',), the hook was written for ('task', 'docker_client')",
		},
		"the judgement of a call": {
			"permissions", "from ministack.core import iam_evaluator; iam_evaluator.enforce = lambda access_key: None",
			"ministack.core.iam_evaluator.enforce: it takes ('access_key',), the hook was written for ('access_key_id', ",
		},
		"the keys of the root user": {
			"callers", "from ministack.services import sts; del sts.is_root_access_key",
			services + "sts.is_root_access_key: it is gone",
		},
		"the control plane of a cluster": {
			"clusters", "from ministack.services import eks; eks._start_k3s_container = lambda client, arguments: None",
			services + "eks._start_k3s_container: it takes ('client', 'arguments'), the hook was written for ('client', ",
		},
		"the call in a cluster's token": {
			"clusters", "from ministack.services import eks; del eks._verify_eks_token",
			services + "eks._verify_eks_token: it is gone",
		},
		"the policy of a queue": {
			"deliveries", "from ministack.services import sqs; del sqs.queue_policy_allows",
			services + "sqs.queue_policy_allows: it is gone",
		},
	} {
		t.Run(name, func(t *testing.T) {
			output, err := runPlugin(t, test.change+"\nimport "+test.module+"\n"+test.module+".install()")
			if err == nil || !strings.Contains(output, "HookError: hook "+test.want) {
				t.Errorf("got %v %s, want an error with %q", err, output, test.want)
			}
		})
	}
}

func TestPluginEndsTheProcessWhenAHookIsBroken(t *testing.T) {
	plugin, err := filepath.Abs("plugin")
	if err != nil {
		t.Fatal(err)
	}
	output, err := runPlugin(t, "import runpy\nfrom ministack.services import ecr\ndel ecr._put_image\n"+
		"runpy.run_path('"+plugin+"', run_name='__main__')")
	const want = "this emulator does not fit its plugin: hook ministack.services.ecr._put_image"
	if err == nil || !strings.Contains(output, want) {
		t.Errorf("got %v %s, want %q", err, output, want)
	}
}

func TestPluginCompiles(t *testing.T) {
	if output, err := runPlugin(t, "import ast, pathlib, sys\n"+
		"[ast.parse(path.read_text(), str(path)) for path in pathlib.Path(sys.path[1]).glob('*.py')]"); err != nil {
		t.Errorf("%v %s", err, output)
	}
}

func TestPluginTakesThePolicyOfEveryCallApartOnce(t *testing.T) {
	output, err := runPlugin(t, "import permissions\npermissions.install()\n"+
		"from ministack.core.iam_evaluator import parse_policy_document as parse\n"+
		"text = '{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"%s\",\"Resource\":\"*\"}}'\n"+
		"first, again, other = (parse(text % action) for action in ('a:b', 'a:b', 'c:d'))\n"+
		"assert first is again, 'taken apart again'\n"+
		"assert other[0].actions == ['c:d'], other")
	if err != nil {
		t.Errorf("%v %s", err, output)
	}
}

func TestPluginAsksAContainerOnceTheEngineToldThatItEnded(t *testing.T) {
	output, err := runPlugin(t, `
import queue, types
from ministack.services import ecs
asked = []
def look(task, docker_client=None):
    asked.append(task['_docker_ids'][0])
ecs._maybe_mark_stopped = look
import endings
endings.install()
events = queue.Queue()
def told(since, filters, decode):
    assert since <= endings.time.time() and filters == {'type': 'container', 'event': 'die'} and decode
    connected.put(True)
    return iter(events.get, None)
connected = queue.Queue()
client = types.SimpleNamespace(events=told)
def looks_at(*names):
    asked.clear()
    for name in ('runs', 'ended'):
        ecs._maybe_mark_stopped({'_docker_ids': [name]}, client)
    return asked == list(names)
def eventually(*names):
    for _ in range(500):
        if looks_at(*names):
            return
        endings.time.sleep(0.01)
    raise AssertionError((names, asked))
endings._AGAIN_AFTER = 0.1
ecs._maybe_mark_stopped({'_docker_ids': ['before']}, client)
assert asked in (['before'], []), asked
connected.get()
eventually()
events.put({'Actor': {'ID': 'ended'}})
eventually('ended')
endings._AGAIN_AFTER = 3600
events.put(None)  # the engine hangs up
eventually('runs', 'ended')
`)
	if err != nil {
		t.Errorf("%v %s", err, output)
	}
}

func TestPluginSendsAnAnswerInOnePiece(t *testing.T) {
	output, err := runPlugin(t, `
import asyncio, types
import connections, h11
from hypercorn.protocol.h11 import H11Protocol
connections.install()
pieces = []
async def send(part):
    pieces.append(part.data)
async def answer(*events):
    pieces.clear()
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    connection.next_event()
    protocol = types.SimpleNamespace(connection=connection, send=send)
    for event in events:
        await H11Protocol._send_h11_event(protocol, event)
head = h11.Response(status_code=200, headers=[('content-length', '4')])
asyncio.run(answer(head, h11.Data(data=b'body'), h11.EndOfMessage()))
assert len(pieces) == 1 and pieces[0].startswith(b'HTTP/1.1 200') and pieces[0].endswith(b'\r\n\r\nbody'), pieces
asyncio.run(answer(h11.Response(status_code=204, headers=[]), h11.EndOfMessage()))
assert len(pieces) == 1 and pieces[0].startswith(b'HTTP/1.1 204'), pieces
asyncio.run(answer(h11.InformationalResponse(status_code=100, headers=[])))
assert len(pieces) == 1 and pieces[0].startswith(b'HTTP/1.1 100'), pieces
`)
	if err != nil {
		t.Errorf("%v %s", err, output)
	}
}
