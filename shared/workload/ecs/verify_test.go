package ecs_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"davit/shared/rollout"
)

const (
	roleARN   = "arn:aws:iam::" + account + ":role/service/davit-web"
	secretARN = "arn:aws:secretsmanager:" + region + ":" + account + ":secret:shop/db-AbCdEf"
)

// blobDigest is the digest of a blob.
func blobDigest(blob string) string {
	sum := sha256.Sum256([]byte(blob))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// onRevision describes web:7 as a Fargate task with the changes of a test.
func (w *wire) onRevision(changes, container object) {
	definition := object{
		"taskDefinitionArn": revisionARN("web:7"), "family": "web", "requiresCompatibilities": array{"FARGATE"},
	}
	for key, value := range changes {
		definition[key] = value
	}
	web := object{"name": "web", "image": base + ":1"}
	for key, value := range container {
		web[key] = value
	}
	definition["containerDefinitions"] = array{web}
	w.on("DescribeTaskDefinition", ok(object{"taskDefinition": definition}))
}

// onManifest answers with an image's manifest.
func (w *wire) onManifest(manifest any) {
	text, err := json.Marshal(manifest)
	if err != nil {
		w.t.Fatal(err)
	}
	w.on("BatchGetImage", ok(object{"images": array{object{"imageManifest": string(text)}}}))
}

// onConfiguration answers with a manifest without an index, and with the configuration of the image.
func (w *wire) onConfiguration(configuration string) {
	w.onManifest(object{"config": object{
		"mediaType": "application/vnd.oci.image.config.v1+json", "digest": blobDigest(configuration)}})
	w.on("GetDownloadUrlForLayer", ok(object{"downloadUrl": w.url + "/blob?signature=SECRET"}))
	w.on("GET /blob", ok(configuration))
}

func index(platforms ...string) object {
	entries := array{}
	for _, one := range platforms {
		os, architecture, _ := strings.Cut(one, "/")
		entries = append(entries, object{"platform": object{"os": os, "architecture": architecture}})
	}
	return object{"manifests": entries}
}

// onAll makes everything that a task needs exist.
func (w *wire) onAll() {
	w.onRevision(nil, nil)
	w.onManifest(index("linux/amd64"))
	w.on("GetRole", ok(`<GetRoleResponse><GetRoleResult><Role><RoleName>davit-web</RoleName>`+
		`</Role></GetRoleResult></GetRoleResponse>`))
	w.on("DescribeLogGroups", ok(object{"logGroups": array{object{"logGroupName": "/web"}, object{"logGroupName": "/web-2"}}}))
	w.on("DescribeSecret", ok(object{"Name": "shop/db"}))
	w.on("DescribeParameters", ok(object{"Parameters": array{object{"Name": "/shop/key"}, object{"Name": "plain"}}}))
}

// needy is a container that needs a log group, secrets and parameters.
func needy() object {
	return object{
		"logConfiguration": object{"logDriver": "awslogs", "options": object{
			"awslogs-group": "/web", "awslogs-region": region, "awslogs-stream-prefix": "web"},
			"secretOptions": array{object{"name": "d", "valueFrom": "plain"}}},
		"secrets": array{
			object{"name": "a", "valueFrom": secretARN + ":password::"},
			object{"name": "b", "valueFrom": "arn:aws:ssm:" + region + ":" + account + ":parameter/shop/key"},
			object{"name": "c", "valueFrom": secretARN},
		},
		"repositoryCredentials": object{"credentialsParameter": secretARN},
	}
}

// verify runs Verify for the change of web to the tests' digest.
func (w *wire) verify() error {
	return w.driver().Verify(w.t.Context(), observed(w.t), change("web"))
}

func TestVerifyAsksForEachThingOnce(t *testing.T) {
	w := newWire(t)
	w.onAll()
	w.onRevision(object{"executionRoleArn": roleARN}, needy())
	driver := w.driver()
	for range 2 {
		if err := driver.Verify(t.Context(), observed(t), change("web")); err != nil {
			t.Fatal(err)
		}
	}
	for operation, want := range map[string]string{
		"BatchGetImage":      digest,
		"GetRole":            "RoleName=davit-web",
		"DescribeLogGroups":  `"logGroupNamePrefix":"/web"`,
		"DescribeSecret":     `"SecretId":"` + secretARN + `"`,
		"DescribeParameters": `"Values":["/shop/key","plain"]`,
	} {
		bodies := w.bodies(operation)
		if len(bodies) != 1 || !strings.Contains(bodies[0], want) {
			t.Errorf("%s was asked %q, want once with %q", operation, bodies, want)
		}
	}
}

func TestVerifyPlatforms(t *testing.T) {
	arm := object{"runtimePlatform": object{"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}}
	for _, test := range []struct {
		name      string
		revision  object
		platforms []string
		reason    string
	}{
		{"Fargate without a platform takes linux/amd64", nil, []string{"linux/amd64"}, ""},
		{"Fargate without a platform needs linux/amd64", nil, []string{"linux/arm64", "unknown/unknown"},
			"the image 111111111111 of web is for linux/arm64, and the task needs linux/amd64"},
		{"an ARM task takes an image that has it among others", arm, []string{"linux/amd64", "linux/arm64"}, ""},
		{"an ARM task refuses an image without it", arm, []string{"windows/amd64", "linux/amd64"},
			"is for linux/amd64, windows/amd64, and the task needs linux/arm64"},
		{"an x86 task says so", object{"runtimePlatform": object{"cpuArchitecture": "X86_64"}}, []string{"linux/arm64"},
			"the task needs linux/amd64"},
		{"a Windows task needs Windows",
			object{"runtimePlatform": object{"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
			[]string{"linux/amd64"}, "the task needs windows/amd64"},
		{"a Windows task takes Windows",
			object{"runtimePlatform": object{"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
			[]string{"windows/amd64"}, ""},
		{"on instances without a platform any Linux will do", object{"requiresCompatibilities": array{"EC2"}},
			[]string{"linux/arm64"}, ""},
		{"on instances without a platform Windows will do", object{"requiresCompatibilities": array{"EC2"}},
			[]string{"windows/amd64"}, ""},
		{"on instances or Fargate without a platform any will do", object{"requiresCompatibilities": array{"EC2", "FARGATE"}},
			[]string{"linux/arm64"}, ""},
		{"on instances with an architecture alone any system will do", object{"requiresCompatibilities": array{"EC2"},
			"runtimePlatform": object{"cpuArchitecture": "ARM64"}}, []string{"linux/amd64"}, "the task needs any/arm64"},
		{"an index with attestations only names no platform", nil, []string{"unknown/unknown"}, "names no platform"},
		{"an empty index names no platform", nil, nil, "names no platform"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onAll()
			w.onRevision(test.revision, nil)
			w.onManifest(index(test.platforms...))
			wantVerdict(t, w.verify(), test.reason)
		})
	}
}

// wantVerdict wants no error for an empty reason, or a refusal with the reason.
func wantVerdict(t testing.TB, err error, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	wantError(t, err, reason)
	if !isRefused(err) {
		t.Errorf("%v is not a refusal", err)
	}
}

func TestVerifyAnImageWithoutAnIndex(t *testing.T) {
	for _, test := range []struct {
		name, configuration, reason string
	}{
		{"its configuration tells a platform that fits", `{"os":"linux","architecture":"amd64","rootfs":{}}`, ""},
		{"its configuration tells a platform that does not fit", `{"os":"linux","architecture":"arm64"}`,
			"is for linux/arm64, and the task needs linux/amd64"},
		{"its configuration tells no architecture", `{"os":"linux"}`, "names no platform"},
		{"its configuration tells nothing", `{}`, "names no platform"},
		{"its configuration is not JSON", `{`, "configuration that is not JSON"},
		{"its configuration has no end", `{"os":"linux","architecture":"amd64","x":"` + strings.Repeat("x", 4<<20) + `"}`,
			"longer than 4 MiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onAll()
			w.onConfiguration(test.configuration)
			wantVerdict(t, w.verify(), test.reason)
			if asked := w.bodies("GetDownloadUrlForLayer"); !strings.Contains(asked[0], blobDigest(test.configuration)) {
				t.Errorf("asked for %s, want the configuration", asked[0])
			}
		})
	}
}

func TestVerifyRefusesWhatIsMissing(t *testing.T) {
	missing := func(code string) answer { return fault(http.StatusBadRequest, code, "not found") }
	imageFailure := func(code string) answer {
		return ok(object{"failures": array{object{"failureCode": code, "failureReason": "said so"}}})
	}
	for _, test := range []struct {
		name, operation string
		answer          answer
		reason          string
	}{
		{"an image that is not there", "BatchGetImage", imageFailure("ImageNotFound"),
			"the image " + digest + " is not in the repository 000000000000/ap-northeast-2/web"},
		{"an image that cannot be reached", "BatchGetImage", imageFailure("ImageInaccessible"), "not accessible: said so"},
		{"a repository that is not there", "BatchGetImage", missing("RepositoryNotFoundException"),
			"the repository 000000000000/ap-northeast-2/web does not exist"},
		{"a manifest that is not JSON", "BatchGetImage", ok(object{"images": array{object{"imageManifest": "{"}}}),
			"manifest that is not JSON"},
		{"an artifact that is no image", "BatchGetImage", ok(object{"images": array{object{
			"imageManifest": `{"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:1"}}`}}}),
			`is not a container image, but "application/vnd.cncf.helm.config.v1+json"`},
		{"a role that is not there", "GetRole", answer{http.StatusNotFound,
			`<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>no</Message></Error></ErrorResponse>`},
			"the execution role " + roleARN + " does not exist"},
		{"a log group that is not there", "DescribeLogGroups",
			ok(object{"logGroups": array{object{"logGroupName": "/web-2"}}}),
			"the log group /web does not exist in ap-northeast-2"},
		{"a secret that is not there", "DescribeSecret", missing("ResourceNotFoundException"),
			"the secret " + secretARN + " does not exist"},
		{"a secret that is going", "DescribeSecret", ok(object{"DeletedDate": 1700000000}), "scheduled for deletion"},
		{"a parameter that is not there", "DescribeParameters",
			ok(object{"Parameters": array{object{"Name": "plain"}}}), "the SSM parameter /shop/key does not exist"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onAll()
			w.onRevision(object{"executionRoleArn": roleARN}, needy())
			w.on(test.operation, test.answer)
			wantVerdict(t, w.verify(), test.reason)
		})
	}
}

func TestVerifyRefusesAnImageThatLostItsConfiguration(t *testing.T) {
	w := newWire(t)
	w.onAll()
	w.onConfiguration("{}")
	w.on("GetDownloadUrlForLayer", fault(http.StatusBadRequest, "LayersNotFoundException", "no"))
	wantVerdict(t, w.verify(), "lost its configuration "+blobDigest("{}"))
}

func TestVerifyTellsAllThatIsMissingAtOnce(t *testing.T) {
	w := newWire(t)
	w.onAll()
	w.onRevision(object{"executionRoleArn": roleARN}, needy())
	w.on("DescribeSecret", fault(http.StatusBadRequest, "ResourceNotFoundException", "no"))
	w.on("BatchGetImage", ok(object{"failures": array{object{"failureCode": "ImageNotFound"}}}))
	w.on("DescribeParameters", fault(http.StatusBadRequest, "ThrottlingException", "slow"))
	err := w.verify()
	wantVerdict(t, err, "the secret "+secretARN+" does not exist; the image "+digest)
	if strings.Contains(err.Error(), "slow") {
		t.Errorf("a fault is among the reasons: %v", err)
	}
}

func TestVerifyDoesNotRememberARefusal(t *testing.T) {
	w := newWire(t)
	w.onAll()
	w.onRevision(object{"executionRoleArn": roleARN}, needy())
	w.on("DescribeLogGroups", ok(object{}), ok(object{"logGroups": array{object{"logGroupName": "/web"}}}))
	driver := w.driver()
	wantVerdict(t, driver.Verify(t.Context(), observed(t), change("web")), "/web")
	wantVerdict(t, driver.Verify(t.Context(), observed(t), change("web")), "")
}

func TestVerifyFaults(t *testing.T) {
	throttle := fault(http.StatusBadRequest, "ThrottlingException", "slow")
	denied := fault(http.StatusBadRequest, "AccessDeniedException", "no")
	xml := func(status int, code string) answer {
		return answer{status, `<ErrorResponse><Error><Code>` + code + `</Code><Message>no</Message></Error></ErrorResponse>`}
	}
	for _, test := range []struct {
		name, operation string
		answer          answer
		words           []string
		denied          string
	}{
		{"a denied image", "BatchGetImage", denied,
			[]string{`"Action":"ecr:BatchGetImage"`, "arn:aws:ecr:ap-northeast-2:000000000000:repository/web"}, "ecr:BatchGetImage"},
		{"a denied download", "GetDownloadUrlForLayer", denied, []string{"repository/web"}, "ecr:GetDownloadUrlForLayer"},
		{"a denied role", "GetRole", xml(http.StatusForbidden, "AccessDenied"),
			[]string{`{"Effect":"Allow","Action":"iam:GetRole","Resource":"` + roleARN + `"}`}, "iam:GetRole"},
		{"denied log groups", "DescribeLogGroups", denied, nil, "logs:DescribeLogGroups"},
		{"a denied secret", "DescribeSecret", denied, []string{secretARN}, "secretsmanager:DescribeSecret"},
		{"denied parameters", "DescribeParameters", denied, nil, "ssm:DescribeParameters"},
		{"a throttled image", "BatchGetImage", throttle, []string{"ecr:BatchGetImage", "slow"}, ""},
		{"a throttled role", "GetRole", xml(http.StatusBadRequest, "Throttling"), []string{"iam:GetRole"}, ""},
		{"a throttled secret", "DescribeSecret", throttle, []string{"secretsmanager:DescribeSecret", "slow"}, ""},
		{"throttled parameters", "DescribeParameters", throttle, []string{"ssm:DescribeParameters"}, ""},
		{"a fault of the logs", "DescribeLogGroups",
			fault(http.StatusServiceUnavailable, "ServiceUnavailableException", "oops"), []string{"oops"}, ""},
		{"an upstream that cannot be had now", "BatchGetImage", ok(object{"failures": array{object{
			"failureCode": "UpstreamUnavailable", "failureReason": "later"}}}), []string{"UpstreamUnavailable", "later"}, ""},
		{"an answer without the image", "BatchGetImage", ok(object{}), []string{"tells nothing of " + digest}, ""},
		{"a download that fails", "GET /blob", answer{http.StatusForbidden, "SignatureDoesNotMatch"},
			[]string{"403", blobDigest(amd64)}, ""},
		{"a download of something else", "GET /blob", ok(`{"os":"linux","architecture":"arm64"}`),
			[]string{"not the one of digest"}, ""},
		{"a download from nowhere", "GetDownloadUrlForLayer", ok(object{"downloadUrl": "http://127.0.0.1:1/x?signature=SECRET"}),
			[]string{"127.0.0.1:1", "refused"}, ""},
		{"a download from what is no URL", "GetDownloadUrlForLayer", ok(object{"downloadUrl": "http://[::1/x?signature=SECRET"}),
			[]string{"URL that cannot be read"}, ""},
		{"a revision that cannot be described", "DescribeTaskDefinition", throttle,
			[]string{"ecs:DescribeTaskDefinition", "web:7"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onAll()
			w.onRevision(object{"executionRoleArn": roleARN}, needy())
			w.onConfiguration(amd64)
			w.on(test.operation, test.answer)
			err := w.verify()
			wantError(t, err, append(test.words, "ecs:davit/web", digest)...)
			if isRefused(err) {
				t.Errorf("%v is a refusal, want an error", err)
			}
			var forbidden *rollout.Denied
			if errors.As(err, &forbidden) != (test.denied != "") || forbidden != nil && forbidden.Action != test.denied {
				t.Errorf("denied is %+v, want %q", forbidden, test.denied)
			}
			if strings.Contains(err.Error(), "SECRET") {
				t.Errorf("the error shows a signature: %v", err)
			}
		})
	}
}

const amd64 = `{"os":"linux","architecture":"amd64"}`

func TestVerifyAsksOnlyForWhatTheTaskNeeds(t *testing.T) {
	awslogs := func(options object) object {
		return object{"logConfiguration": object{"logDriver": "awslogs", "options": options}}
	}
	secret := func(source string) object {
		return object{"secrets": array{object{"name": "a", "valueFrom": source}}}
	}
	for _, test := range []struct {
		name      string
		container object
		calls     map[string]int
	}{
		{"nothing but the image", nil, map[string]int{}},
		{"no log group that the driver makes itself", awslogs(object{"awslogs-group": "/x", "awslogs-create-group": "true"}),
			map[string]int{}},
		{"no log group of another driver", object{"logConfiguration": object{"logDriver": "splunk",
			"options": object{"awslogs-group": "/x"}}}, map[string]int{}},
		{"a log group without a region", awslogs(object{"awslogs-group": "/web"}), map[string]int{"DescribeLogGroups": 1}},
		{"no secret of another account",
			secret("arn:aws:secretsmanager:ap-northeast-2:111111111111:secret:x-AbCdEf"), map[string]int{}},
		{"no parameter of another account", secret("arn:aws:ssm:ap-northeast-2:111111111111:parameter/x"), map[string]int{}},
		{"nothing of a service that keeps no secrets", secret("arn:aws:s3:::bucket"), map[string]int{}},
		{"a parameter by its name", secret("/shop/key"), map[string]int{"DescribeParameters": 1}},
		{"a version of a parameter by its name", secret("/shop/key:3"), map[string]int{"DescribeParameters": 1}},
		{"a version of a parameter by its ARN",
			secret("arn:aws:ssm:ap-northeast-2:" + account + ":parameter/shop/key:3"), map[string]int{"DescribeParameters": 1}},
		{"no parameter that AWS keeps", secret("/aws/reference/secretsmanager/shop"), map[string]int{}},
		{"no parameter of AWS by its ARN", secret("arn:aws:ssm:ap-northeast-2::parameter/aws/x"), map[string]int{}},
		{"a secret for pulling by its name", object{"repositoryCredentials": object{"credentialsParameter": "shop/pull"}},
			map[string]int{"DescribeSecret": 1}},
		{"no secret for pulling of another account", object{"repositoryCredentials": object{
			"credentialsParameter": "arn:aws:secretsmanager:ap-northeast-2:111111111111:secret:x-AbCdEf"}}, map[string]int{}},
		{"a parameter without a path by its ARN",
			secret("arn:aws:ssm:ap-northeast-2:" + account + ":parameter/plain"), map[string]int{"DescribeParameters": 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t)
			w.onAll()
			w.onRevision(nil, test.container)
			wantVerdict(t, w.verify(), "")
			for _, operation := range []string{"GetRole", "DescribeLogGroups", "DescribeSecret", "DescribeParameters"} {
				if got := w.count(operation); got != test.calls[operation] {
					t.Errorf("%s was called %d times, want %d", operation, got, test.calls[operation])
				}
			}
		})
	}
}

func TestVerifyOfADeniedSecretByNameNamesWhatToAllow(t *testing.T) {
	w := newWire(t)
	w.onAll()
	w.onRevision(nil, object{"repositoryCredentials": object{"credentialsParameter": "shop/pull"}})
	w.on("DescribeSecret", fault(http.StatusBadRequest, "AccessDeniedException", "no"))
	wantError(t, w.verify(), `"Resource":"arn:aws:secretsmanager:*:*:secret:shop/pull-*"`)
}

func TestVerifyLooksInTheRegionOfTheThing(t *testing.T) {
	w := newWire(t)
	w.onAll()
	w.onRevision(nil, object{
		"logConfiguration": object{"logDriver": "awslogs", "options": object{
			"awslogs-group": "/web", "awslogs-region": "us-east-1"}},
		"secrets": array{
			object{"name": "a", "valueFrom": "arn:aws:secretsmanager:us-east-2:" + account + ":secret:x-AbCdEf"},
			object{"name": "b", "valueFrom": "arn:aws:ssm:us-west-1:" + account + ":parameter/shop/key"},
		},
	})
	elsewhere := change("web")
	elsewhere.Repository.Region = "eu-west-1"
	if err := w.driver().Verify(t.Context(), observed(t), elsewhere); err != nil {
		t.Fatal(err)
	}
	for operation, want := range map[string]string{
		"DescribeLogGroups": "us-east-1", "DescribeSecret": "us-east-2", "DescribeParameters": "us-west-1",
		"BatchGetImage": "eu-west-1",
	} {
		if got := w.regions(operation); len(got) != 1 || got[0] != want {
			t.Errorf("%s went to %v, want %s", operation, got, want)
		}
	}
}

func TestVerifyAsksForManyParametersInFilledCalls(t *testing.T) {
	w := newWire(t)
	w.onAll()
	secrets := array{}
	for number := range 70 {
		secrets = append(secrets, object{"name": fmt.Sprint(number), "valueFrom": fmt.Sprintf("/many/%02d", number)})
	}
	w.onRevision(nil, object{"secrets": secrets})
	w.serve("DescribeParameters", func(body string) answer {
		var asked struct {
			NextToken        string
			ParameterFilters []struct{ Values []string }
		}
		if err := json.Unmarshal([]byte(body), &asked); err != nil {
			t.Error(err)
		}
		names := asked.ParameterFilters[0].Values
		if len(names) > 50 {
			t.Errorf("%d names in a filter, want at most 50", len(names))
		}
		half := len(names) / 2
		// AWS may answer a page with fewer than it was asked for.
		page, token := names[:half], "more"
		if asked.NextToken != "" {
			page, token = names[half:], ""
		}
		found := array{}
		for _, name := range page {
			found = append(found, object{"Name": name})
		}
		return ok(object{"Parameters": found, "NextToken": token})
	})
	wantVerdict(t, w.verify(), "")
	if calls := w.count("DescribeParameters"); calls != 6 {
		t.Errorf("%d calls, want 6", calls)
	}
}

func TestVerifyFindsAParameterWhoseNameIsASlashAndAWord(t *testing.T) {
	for _, test := range []struct{ source, listed, reason string }{
		{"arn:aws:ssm:" + region + ":" + account + ":parameter/token", "/token", ""},
		{"arn:aws:ssm:" + region + ":" + account + ":parameter/token", "token", ""},
		{"arn:aws:ssm:" + region + ":" + account + ":parameter/token", "other", "the SSM parameter token does not exist"},
		{"token", "/token", "the SSM parameter token does not exist"},
	} {
		w := newWire(t)
		w.onAll()
		w.onRevision(nil, object{"secrets": array{object{"name": "a", "valueFrom": test.source}}})
		w.on("DescribeParameters", ok(object{"Parameters": array{object{"Name": test.listed}}}))
		wantVerdict(t, w.verify(), test.reason)
	}
}
