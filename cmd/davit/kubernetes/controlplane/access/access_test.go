package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	authentication "k8s.io/api/authentication/v1"
	"sigs.k8s.io/aws-iam-authenticator/pkg/token"
)

// bearers are the identities behind tokens.
type bearers map[string]token.Identity

func (b bearers) Verify(bearer string) (*token.Identity, error) {
	identity, known := b[bearer]
	if !known {
		return nil, errors.New("not signed")
	}
	return &identity, nil
}

// newEKS answers as EKS does about the access entries of the cluster davit, on two pages.
func newEKS(t *testing.T, answers map[string]string) *clusterEntries {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if !strings.Contains(request.Header.Get("Authorization"), "/ap-northeast-2/eks/aws4_request") {
			t.Errorf("%s is not signed for EKS", request.URL)
		}
		path, _ := strings.CutPrefix(request.URL.Path, "/clusters/davit/access-entries")
		if next := request.URL.Query().Get("nextToken"); next != "" {
			path += "?" + next
		}
		text, found := answers[path]
		if !found {
			response.WriteHeader(http.StatusNotFound)
		}
		_, _ = fmt.Fprint(response, text)
	}))
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &clusterEntries{cluster: "davit", region: "ap-northeast-2", cloud: address}
}

func TestReview(t *testing.T) {
	const policies = "arn:aws:eks::aws:cluster-access-policy/"
	directory := newEKS(t, map[string]string{
		"":                                  `{"accessEntries":["arn:aws:iam::1:role/other"],"nextToken":"more"}`,
		"?more":                             `{"accessEntries":["arn:aws:iam::1:role/team/rollout","arn:aws:iam::1:role/named","arn:aws:iam::1:user/operator"]}`,
		"/arn:aws:iam::1:role/team/rollout": `{"accessEntry":{"kubernetesGroups":["davit:rollout"]}}`,
		"/arn:aws:iam::1:role/team/rollout/access-policies": `{"associatedAccessPolicies":[]}`,
		"/arn:aws:iam::1:role/named":                        `{"accessEntry":{"username":"team:{{SessionName}}"}}`,
		"/arn:aws:iam::1:role/named/access-policies":        `{}`,
		"/arn:aws:iam::1:user/operator":                     `{"accessEntry":{"kubernetesGroups":["ops"]}}`,
		"/arn:aws:iam::1:user/operator/access-policies": `{"associatedAccessPolicies":[` +
			`{"policyArn":"` + policies + `AmazonEKSViewPolicy","accessScope":{"type":"cluster"}},` +
			`{"policyArn":"` + policies + `AmazonEKSEditPolicy","accessScope":{"type":"namespace"}}]}`,
	})
	verifier := bearers{
		"rollout":  {ARN: "arn:aws:sts::1:assumed-role/rollout/s", CanonicalARN: "arn:aws:iam::1:role/rollout"},
		"named":    {ARN: "arn:aws:sts::1:assumed-role/named/s", CanonicalARN: "arn:aws:iam::1:role/named", SessionName: "s"},
		"operator": {ARN: "arn:aws:iam::1:user/operator", CanonicalARN: "arn:aws:iam::1:user/operator"},
		"stranger": {ARN: "arn:aws:iam::1:user/stranger", CanonicalARN: "arn:aws:iam::1:user/stranger"},
	}
	for name, test := range map[string]struct {
		bearer, user string
		groups       []string
		refusal      string
	}{
		"a session of a role whose entry has a path": {"rollout", "arn:aws:sts::1:assumed-role/rollout/s", []string{"davit:rollout"}, ""},
		"a user name with the session's":             {"named", "team:s", []string{}, ""},
		"a policy for the whole cluster is a group, one for a namespace is none": {
			"operator", "arn:aws:iam::1:user/operator", []string{"ops", "eks:access-policy:AmazonEKSViewPolicy"}, "",
		},
		"a principal without an entry": {"stranger", "", nil, "arn:aws:iam::1:user/stranger has no access entry"},
		"a token that was not signed":  {"forged", "", nil, "not signed"},
	} {
		t.Run(name, func(t *testing.T) {
			status := ask(t, &Reviewer{verifier: verifier, directory: directory}, test.bearer)
			if status.Authenticated != (test.refusal == "") || status.Error != test.refusal || status.User.Username != test.user ||
				!slices.Equal(status.User.Groups, test.groups) {
				t.Errorf("got %+v, want %s %v %q", status, test.user, test.groups, test.refusal)
			}
		})
	}
}

// ask sends the reviewer a review, as the API server does.
func ask(t *testing.T, reviewer http.Handler, bearer string) authentication.TokenReviewStatus {
	t.Helper()
	text, err := json.Marshal(authentication.TokenReview{Spec: authentication.TokenReviewSpec{Token: bearer}})
	if err != nil {
		t.Fatal(err)
	}
	response := httptest.NewRecorder()
	reviewer.ServeHTTP(response, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(text))))
	var review authentication.TokenReview
	if err := json.Unmarshal(response.Body.Bytes(), &review); err != nil {
		t.Fatal(err, response.Body)
	}
	if review.Spec.Token != "" {
		t.Error("the answer has the token")
	}
	return review.Status
}

func TestEntryFailsWhereEKSDoes(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
		response.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	directory := &clusterEntries{cluster: "davit", region: "ap-northeast-2", cloud: address}
	if entry, err := directory.Entry(context.Background(), "arn:aws:iam::1:role/rollout"); entry != nil || err == nil {
		t.Errorf("got %+v %v, want an error", entry, err)
	}
}
