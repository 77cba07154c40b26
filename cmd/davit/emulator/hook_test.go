package emulator_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// forker is a process with the emulator's modules, which takes most of a second to load. It runs each program, a line of
// JSON, in a fork of itself, and answers with what that printed, and whether it ended well.
const forker = `
import json, os, sys
from ministack import app
from ministack.services.cloudformation import provisioners
for program in sys.stdin:
    output, end = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(end, 1), os.dup2(end, 2)
        exec(json.loads(program), {})
        sys.exit()
    os.close(end)
    with open(output) as text:
        said = text.read()
    print(json.dumps({'output': said, 'fine': os.waitpid(child, 0)[1] == 0}), flush=True)
`

// runPlugin runs a program of Python with the plugin's modules at hand, as if in a process of its own.
func runPlugin(t *testing.T, program string) (output string, fine bool) {
	t.Helper()
	line, err := json.Marshal(program)
	if err != nil {
		t.Fatal(err)
	}
	forks := startForker(t)
	if _, err := forks.programs.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Output string
		Fine   bool
	}
	if err := forks.answers.Decode(&answer); err != nil {
		t.Fatalf("the process that runs programs has ended: %v", err)
	}
	return answer.Output, answer.Fine
}

// forks is the forker that serves all tests, from the first that needs it until this process ends.
var forks *forking

type forking struct {
	programs io.Writer
	answers  *json.Decoder
}

func startForker(t *testing.T) *forking {
	t.Helper()
	if forks != nil {
		return forks
	}
	plugin, err := filepath.Abs("plugin")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(filepath.Join(installation(t), "venv", "bin", "python"), "-B", "-c", forker) // #nosec G204 -- our own
	command.Env = []string{"PYTHONPATH=" + plugin, "GATEWAY_PORT=1", "HOME=/nonexistent", "DOCKER_HOST=unix:///none"}
	command.Stderr = os.Stderr
	programs, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	forks = &forking{programs: programs, answers: json.NewDecoder(answers)}
	return forks
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
			output, fine := runPlugin(t, test.change+"\nimport "+test.module+"\n"+test.module+".install()")
			if fine || !strings.Contains(output, "HookError: hook "+test.want) {
				t.Errorf("got %s, want an error with %q", output, test.want)
			}
		})
	}
}

func TestPluginEndsTheProcessWhenAHookIsBroken(t *testing.T) {
	plugin, err := filepath.Abs("plugin")
	if err != nil {
		t.Fatal(err)
	}
	output, fine := runPlugin(t, "import runpy\nfrom ministack.services import ecr\ndel ecr._put_image\n"+
		"runpy.run_path('"+plugin+"', run_name='__main__')")
	const want = "this emulator does not fit its plugin: hook ministack.services.ecr._put_image"
	if fine || !strings.Contains(output, want) {
		t.Errorf("got %s, want an end with %q", output, want)
	}
}

func TestPluginCompiles(t *testing.T) {
	if output, fine := runPlugin(t, "import ast, pathlib, sys\n"+
		"[ast.parse(path.read_text(), str(path)) for path in pathlib.Path(sys.path[1]).glob('*.py')]"); !fine {
		t.Error(output)
	}
}

func TestPluginTakesThePolicyOfEveryCallApartOnce(t *testing.T) {
	output, fine := runPlugin(t, "import permissions\npermissions.install()\n"+
		"from ministack.core.iam_evaluator import parse_policy_document as parse\n"+
		"text = '{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"%s\",\"Resource\":\"*\"}}'\n"+
		"first, again, other = (parse(text % action) for action in ('a:b', 'a:b', 'c:d'))\n"+
		"assert first is again, 'taken apart again'\n"+
		"assert other[0].actions == ['c:d'], other")
	if !fine {
		t.Error(output)
	}
}

func TestPluginAsksAContainerOnceTheEngineToldThatItEnded(t *testing.T) {
	output, fine := runPlugin(t, `
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
	if !fine {
		t.Error(output)
	}
}

func TestPluginSendsAnAnswerInOnePiece(t *testing.T) {
	output, fine := runPlugin(t, `
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
	if !fine {
		t.Error(output)
	}
}
