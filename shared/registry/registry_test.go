package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecrpublic"
	"github.com/google/go-cmp/cmp"

	"davit/shared/imagepolicy"
	"davit/shared/registry"
	"davit/shared/rollout"
	"davit/shared/workload"
)

var web = workload.Repository{Registry: "111111111111", Region: "eu-west-1", Name: "shop/web"}

const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

type (
	object = map[string]any
	array  = []any
)

type answer struct {
	status   int
	document object
}

func ok(document object) answer { return answer{http.StatusOK, document} }

func fault(status int, code string) answer {
	return answer{status, object{"__type": code, "message": "said so"}}
}

// wire is ECR in the test's process. It gives the answers in order, the last one for ever.
type wire struct {
	*httptest.Server
	mutex   sync.Mutex
	answers []answer
	asked   []object
	regions []string
}

func newWire(t *testing.T, answers ...answer) *wire {
	w := &wire{answers: answers}
	w.Server = httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		var asked object
		if err := json.NewDecoder(io.LimitReader(request.Body, 1<<20)).Decode(&asked); err != nil {
			t.Errorf("read the request: %v", err)
		}
		if target := request.Header.Get("X-Amz-Target"); !strings.HasSuffix(target, ".DescribeImages") {
			t.Errorf("unexpected call %s", target)
		}
		given := w.answers[min(len(w.asked), len(w.answers)-1)]
		w.asked = append(w.asked, asked)
		w.regions = append(w.regions, strings.Split(request.Header.Get("Authorization"), "/")[2])
		writer.WriteHeader(given.status)
		if err := json.NewEncoder(writer).Encode(given.document); err != nil {
			t.Logf("answer: %v", err)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *wire) registry() *registry.Registry {
	configuration := aws.Config{
		Region: "ap-northeast-2", BaseEndpoint: &w.URL,
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(options *retry.StandardOptions) {
				options.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			})
		},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
	return registry.New(ecr.NewFromConfig(configuration), ecrpublic.NewFromConfig(configuration))
}

func page(token string, details ...any) answer {
	document := object{"imageDetails": details}
	if token != "" {
		document["nextToken"] = token
	}
	return ok(document)
}

func TestImagesListsTheTaggedImagesOfEveryPage(t *testing.T) {
	w := newWire(t,
		page("next", object{
			"imageDigest": digest, "imageTags": array{"1.0.0", "latest"}, "imagePushedAt": 1700000000,
			"artifactMediaType": "application/vnd.oci.image.config.v1+json",
		}, object{"imageDigest": "sha256:untagged"}),
		page("", object{"imageDigest": "sha256:2", "imageTags": array{"1.1.0"}}))
	got, err := w.registry().Images(t.Context(), web)
	if err != nil {
		t.Fatal(err)
	}
	want := []imagepolicy.Image{
		{Digest: digest, Tags: []string{"1.0.0", "latest"}, PushedAt: time.Unix(1700000000, 0).UTC(),
			ArtifactMediaType: "application/vnd.oci.image.config.v1+json"},
		{Digest: "sha256:2", Tags: []string{"1.1.0"}},
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("images (-want +got):\n%s", difference)
	}
	wantAsked := object{
		"registryId": "111111111111", "repositoryName": "shop/web", "maxResults": float64(1000),
		"filter": object{"tagStatus": "TAGGED"}, "nextToken": "next",
	}
	if difference := cmp.Diff(wantAsked, w.asked[1]); difference != "" {
		t.Errorf("second call (-want +got):\n%s", difference)
	}
	if !cmp.Equal(w.regions, []string{"eu-west-1", "eu-west-1"}) {
		t.Errorf("calls went to %v, want the repository's region", w.regions)
	}
}

func TestImagesOfARepositoryWithoutRegionGoToTheClients(t *testing.T) {
	w := newWire(t, page(""))
	got, err := w.registry().Images(t.Context(), workload.Repository{Registry: "111111111111", Name: "web"})
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("images %v, %v, want an empty list", got, err)
	}
	if w.regions[0] != "ap-northeast-2" {
		t.Errorf("the call went to %s", w.regions[0])
	}
}

func TestImagesFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer answer
		is     error
		words  []string
		calls  int
	}{
		{"a repository that does not exist", fault(http.StatusBadRequest, "RepositoryNotFoundException"),
			rollout.ErrNoRepository, []string{"111111111111/eu-west-1/shop/web"}, 1},
		{"a denied call names what to allow", fault(http.StatusBadRequest, "AccessDeniedException"), registry.ErrDenied,
			[]string{`"Action":"ecr:DescribeImages"`, "arn:aws:ecr:eu-west-1:111111111111:repository/shop/web"}, 1},
		{"a throttle that lasts", fault(http.StatusBadRequest, "ThrottlingException"), nil,
			[]string{"shop/web", "ecr:DescribeImages", "ThrottlingException"}, 3},
		{"a server's fault that lasts", fault(http.StatusInternalServerError, "ServerException"), nil,
			[]string{"ServerException"}, 3},
		{"pages without end", page("more", object{"imageDigest": digest, "imageTags": array{"1"}}),
			registry.ErrTooManyImages, []string{"shop/web", "100,000", "lifecycle policy"}, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t, test.answer)
			got, err := w.registry().Images(t.Context(), web)
			if got == nil || len(got) != 0 {
				t.Errorf("images %v, want an empty list", got)
			}
			wantError(t, err, test.is, test.words...)
			if len(w.asked) != test.calls {
				t.Errorf("%d calls, want %d", len(w.asked), test.calls)
			}
		})
	}
}

func TestFind(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer answer
		is     error
		words  []string
	}{
		{"an image without a tag is found", page("", object{"imageDigest": digest}), nil, nil},
		{"an image that is not there", fault(http.StatusBadRequest, "ImageNotFoundException"), registry.ErrNoImage,
			[]string{digest, "shop/web"}},
		{"an image of which nothing is said", page(""), registry.ErrNoImage, []string{digest, "shop/web"}},
		{"a repository that does not exist", fault(http.StatusBadRequest, "RepositoryNotFoundException"),
			rollout.ErrNoRepository, nil},
		{"a fault that lasts", fault(http.StatusInternalServerError, "ServerException"), nil, []string{"ServerException"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t, test.answer)
			got, err := w.registry().Find(t.Context(), web, digest)
			want := object{
				"registryId": "111111111111", "repositoryName": "shop/web", "imageIds": array{object{"imageDigest": digest}},
			}
			if difference := cmp.Diff(want, w.asked[0]); difference != "" {
				t.Errorf("asked (-want +got):\n%s", difference)
			}
			if test.is == nil && test.words == nil {
				if err != nil || got.Digest != digest {
					t.Errorf("found %+v, %v", got, err)
				}
				return
			}
			wantError(t, err, test.is, test.words...)
		})
	}
}

var gallery = workload.Repository{Registry: "111111111111", Region: workload.PublicRegion, Name: "web"}

func TestImagesOfAPublicRepositoryAreAskedForInUSEast1(t *testing.T) {
	w := newWire(t,
		page("next", object{"imageDigest": digest, "imageTags": array{"1.0.0"}, "imagePushedAt": 1700000000,
			"artifactMediaType": "application/vnd.oci.image.config.v1+json"}, object{"imageDigest": "sha256:untagged"}),
		page("", object{"imageDigest": "sha256:2", "imageTags": array{"1.1.0"}}))
	got, err := w.registry().Images(t.Context(), gallery)
	if err != nil {
		t.Fatal(err)
	}
	want := []imagepolicy.Image{
		{Digest: digest, Tags: []string{"1.0.0"}, PushedAt: time.Unix(1700000000, 0).UTC(),
			ArtifactMediaType: "application/vnd.oci.image.config.v1+json"},
		{Digest: "sha256:2", Tags: []string{"1.1.0"}},
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("images (-want +got):\n%s", difference)
	}
	wantAsked := object{"registryId": "111111111111", "repositoryName": "web", "maxResults": float64(1000), "nextToken": "next"}
	if difference := cmp.Diff(wantAsked, w.asked[1]); difference != "" {
		t.Errorf("second call (-want +got):\n%s", difference)
	}
	if !cmp.Equal(w.regions, []string{"us-east-1", "us-east-1"}) {
		t.Errorf("calls went to %v", w.regions)
	}
}

func TestPublicFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer answer
		is     error
		words  []string
	}{
		{"a repository that does not exist", fault(http.StatusBadRequest, "RepositoryNotFoundException"), rollout.ErrNoRepository, nil},
		{"an image that is not there", fault(http.StatusBadRequest, "ImageNotFoundException"), registry.ErrNoImage, []string{digest}},
		{"an image of which nothing is said", page(""), registry.ErrNoImage, []string{digest}},
		{"a denied call names what to allow", fault(http.StatusBadRequest, "AccessDeniedException"), registry.ErrDenied,
			[]string{"ecr-public:DescribeImages", "arn:aws:ecr-public::111111111111:repository/web", "automation.publicRepositories"}},
		{"a server's fault that lasts", fault(http.StatusInternalServerError, "ServerException"), nil, []string{"ServerException"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := newWire(t, test.answer).registry().Find(t.Context(), gallery, digest)
			wantError(t, err, test.is, test.words...)
		})
	}
	w := newWire(t, page("more", object{"imageDigest": digest, "imageTags": array{"1"}}))
	_, err := w.registry().Images(t.Context(), gallery)
	wantError(t, err, registry.ErrTooManyImages, "no lifecycle policy")
}

func wantError(t *testing.T, err, is error, words ...string) {
	t.Helper()
	if err == nil || is != nil && !errors.Is(err, is) {
		t.Fatalf("error %v, want one that is %v", err, is)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q lacks %q", err, word)
		}
	}
}
