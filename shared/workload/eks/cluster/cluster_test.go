package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// cloud is EKS with one cluster, "blue", whose API server answers what the test says.
type cloud struct {
	*Clusters
	api *httptest.Server
	eks *httptest.Server

	mutex sync.Mutex
	clock time.Time
	// answer answers the API server's requests.
	answer http.HandlerFunc
	// authorizations are what the requests carried.
	authorizations []string
	described      int
	// authority is the certificate that EKS tells, in PEM; the API server's own if empty.
	authority []byte
}

func newCloud(t *testing.T, answer http.HandlerFunc) *cloud {
	made := &cloud{clock: time.Now(), answer: answer}
	made.api = httptest.NewTLSServer(http.HandlerFunc(made.serve))
	t.Cleanup(made.api.Close)
	made.eks = httptest.NewServer(http.HandlerFunc(made.describe))
	t.Cleanup(made.eks.Close)
	made.Clusters = New(aws.Config{Region: "eu-west-1", BaseEndpoint: &made.eks.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "session")})
	made.Now = func() time.Time { return made.clock }
	return made
}

func (c *cloud) serve(writer http.ResponseWriter, request *http.Request) {
	c.mutex.Lock()
	c.authorizations = append(c.authorizations, request.Header.Get("Authorization"))
	c.mutex.Unlock()
	c.answer(writer, request)
}

func (c *cloud) requests() []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Clone(c.authorizations)
}

func (c *cloud) describe(writer http.ResponseWriter, request *http.Request) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch request.URL.Path {
	case "/clusters":
		page := map[string]any{"clusters": []string{"green", "blue"}, "nextToken": "more"}
		if request.URL.Query().Get("nextToken") == "more" {
			page = map[string]any{"clusters": []string{"red"}}
		}
		_ = json.NewEncoder(writer).Encode(page)
	case "/clusters/blue":
		c.described++
		authority := c.authority
		if authority == nil {
			authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.api.Certificate().Raw})
		}
		_ = json.NewEncoder(writer).Encode(map[string]any{"cluster": map[string]any{"name": "blue", "status": "ACTIVE", "version": "1.36",
			"arn": "arn:aws:eks:eu-west-1:123456789012:cluster/blue", "endpoint": c.api.URL,
			"certificateAuthority": map[string]string{"data": base64.StdEncoding.EncodeToString(authority)}}})
	case "/clusters/creating":
		_ = json.NewEncoder(writer).Encode(map[string]any{"cluster": map[string]any{"name": "creating", "status": "CREATING"}})
	case "/clusters/forbidden":
		writer.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		writer.WriteHeader(http.StatusForbidden)
		_, _ = writer.Write([]byte(`{"message":"no"}`))
	default:
		writer.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		writer.WriteHeader(http.StatusNotFound)
		_, _ = writer.Write([]byte(`{"message":"No cluster found"}`))
	}
}

// get asks for a Deployment and answers its name.
func (c *cloud) get(t *testing.T) (string, error) {
	var object struct {
		Name string `json:"name"`
	}
	err := c.Do(t.Context(), "blue", Request{Path: "/apis/apps/v1/namespaces/shop/deployments/web"}, &object)
	return object.Name, err
}

func ok(text string) http.HandlerFunc {
	return func(writer http.ResponseWriter, _ *http.Request) { _, _ = writer.Write([]byte(text)) }
}

func fails(code int, text string) http.HandlerFunc {
	return func(writer http.ResponseWriter, _ *http.Request) {
		writer.WriteHeader(code)
		_, _ = writer.Write([]byte(text))
	}
}

func TestARequestGoesWithATokenOfTheCluster(t *testing.T) {
	made := newCloud(t, ok(`{"name":"web"}`))
	if name, err := made.get(t); name != "web" || err != nil {
		t.Fatalf("the answer is %q, %v", name, err)
	}
	text, found := strings.CutPrefix(made.requests()[0], "Bearer k8s-aws-v1.")
	address, err := base64.RawURLEncoding.DecodeString(text)
	if !found || err != nil {
		t.Fatalf("the token is %q: %v", made.requests()[0], err)
	}
	signed, err := url.Parse(string(address))
	if err != nil {
		t.Fatal(err)
	}
	if signed.Host != "sts.eu-west-1.amazonaws.com" || signed.Scheme != "https" {
		t.Errorf("the token is of %s", signed.Host)
	}
	for key, want := range map[string]string{"Action": "GetCallerIdentity", "X-Amz-Expires": "60", "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
		"X-Amz-Security-Token": "session"} {
		if got := signed.Query().Get(key); got != want {
			t.Errorf("%s of the token is %q, want %q", key, got, want)
		}
	}
}

func TestATokenIsKeptUntilItHasNearlyExpired(t *testing.T) {
	made := newCloud(t, ok(`{}`))
	for _, step := range []time.Duration{0, tokenLife - time.Second, time.Second} {
		made.clock = made.clock.Add(step)
		if _, err := made.get(t); err != nil {
			t.Fatal(err)
		}
	}
	if sent := made.requests(); sent[0] != sent[1] || sent[1] == sent[2] {
		t.Errorf("of three requests at 0, 13:59 and 14:00 minutes the second has the token of the first: %t, and the third: %t",
			sent[0] == sent[1], sent[1] == sent[2])
	}
	if made.described != 1 {
		t.Errorf("the cluster was described %d times", made.described)
	}
}

func TestATokenThatIsRefusedIsMadeAnewOnce(t *testing.T) {
	refusals := 1
	made := newCloud(t, nil)
	made.answer = func(writer http.ResponseWriter, request *http.Request) {
		if refusals > 0 {
			refusals--
			made.clock = made.clock.Add(time.Second)
			fails(http.StatusUnauthorized, `{"message":"Unauthorized"}`)(writer, request)
			return
		}
		ok(`{"name":"web"}`)(writer, request)
	}
	name, err := made.get(t)
	if sent := made.requests(); name != "web" || err != nil || len(sent) != 2 || sent[0] == sent[1] {
		t.Errorf("the answer is %q, %v after %d requests with the same token", name, err, len(sent))
	}
	refusals = 100
	_, err = made.get(t)
	if err == nil || !strings.Contains(err.Error(), "access entry") || len(made.requests()) != 4 {
		t.Errorf("a role that is not let in leads to %d requests and %v", len(made.requests())-2, err)
	}
}

func TestAClusterThatDoesNotAnswerCostsTimeOnce(t *testing.T) {
	made := newCloud(t, ok(`{}`))
	if _, err := made.get(t); err != nil {
		t.Fatal(err)
	}
	made.api.Close()
	var silent *Unreachable
	for range 2 {
		if _, err := made.get(t); !errors.As(err, &silent) || silent.Cluster != "blue" {
			t.Fatalf("a dead cluster leads to %v", err)
		}
	}
	if !errors.Is(silent, errSilent) {
		t.Errorf("the second request was sent: %v", silent)
	}
	made.clock = made.clock.Add(silence)
	if _, err := made.get(t); !errors.As(err, &silent) || errors.Is(err, errSilent) {
		t.Errorf("after a while it is asked again, but: %v", err)
	}
}

func TestOnlyTheClustersOwnAuthorityIsTrusted(t *testing.T) {
	for name, test := range map[string]struct {
		authority []byte
		want      string
	}{
		"another authority": {otherAuthority(t), "unknown authority"},
		"no certificate":    {[]byte("no certificate"), "no certificate"},
	} {
		made := newCloud(t, ok(`{}`))
		made.authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: test.authority})
		if _, err := made.get(t); err == nil || !strings.Contains(err.Error(), test.want) || len(made.requests()) > 0 {
			t.Errorf("%s: %d requests and %v", name, len(made.requests()), err)
		}
	}
}

// otherAuthority is the certificate of an authority that signed nothing.
func otherAuthority(t *testing.T) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestWhatIsWorthRepeatingIsRepeated(t *testing.T) {
	for name, test := range map[string]struct {
		method string
		code   int
		sent   int
	}{
		"a read of a server that starts":              {"", http.StatusServiceUnavailable, 2},
		"a read of a server that is busy":             {"", http.StatusTooManyRequests, 2},
		"a change that a busy server has not begun":   {http.MethodPatch, http.StatusTooManyRequests, 2},
		"but no change that may be done":              {http.MethodPatch, http.StatusInternalServerError, 1},
		"nor what is wrong":                           {"", http.StatusBadRequest, 1},
		"nor what is forbidden":                       {"", http.StatusForbidden, 1},
		"nor what was changed meanwhile by another":   {http.MethodPatch, http.StatusConflict, 1},
		"and an answer of a success goes out at once": {"", 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			made := newCloud(t, nil)
			made.answer = func(writer http.ResponseWriter, request *http.Request) {
				if test.code == 0 || len(made.requests()) > 1 {
					ok(`{}`)(writer, request)
					return
				}
				fails(test.code, `{"kind":"Status","reason":"Because","message":"of it"}`)(writer, request)
			}
			err := made.Do(t.Context(), "blue", Request{Method: test.method, Path: "/x"}, nil)
			if sent := len(made.requests()); sent != test.sent || (err == nil) != (test.sent == 2 || test.code == 0) {
				t.Errorf("%d requests, want %d, and %v", sent, test.sent, err)
			}
			var answer *Answer
			if err != nil && (!errors.As(err, &answer) || answer.Code != test.code || answer.Reason != "Because") {
				t.Errorf("the error is %#v", err)
			}
		})
	}
}

func TestAServerThatStaysBusyIsGivenUp(t *testing.T) {
	made := newCloud(t, fails(http.StatusServiceUnavailable, "upstream"))
	_, err := made.get(t)
	var answer *Answer
	if !errors.As(err, &answer) || answer.Message != "Service Unavailable" || len(made.requests()) != attempts {
		t.Errorf("after %d requests: %v", len(made.requests()), err)
	}
}

func TestAListingGoesThroughItsPages(t *testing.T) {
	made := newCloud(t, func(writer http.ResponseWriter, request *http.Request) {
		query := request.URL.Query()
		if query.Get("limit") != "500" || query.Get("labelSelector") != "app=web" || request.Header.Get("Accept") != MetadataList {
			t.Errorf("the request is %s for %s", request.URL, request.Header.Get("Accept"))
		}
		next := map[string]string{"": "1", "1": "2", "2": ""}[query.Get("continue")]
		_, _ = fmt.Fprintf(writer, `{"metadata":{"continue":%q},"items":["%s"]}`, next, query.Get("continue"))
	})
	var got []string
	request := Request{Path: "/pods", Query: url.Values{"labelSelector": {"app=web"}}, Accept: MetadataList}
	for page, err := range Pages[string](t.Context(), made.Clusters, "blue", request) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, page...)
	}
	if !slices.Equal(got, []string{"", "1", "2"}) || len(request.Query) != 1 {
		t.Errorf("the pages have %q, and the request's own query is %v", got, request.Query)
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	made := newCloud(t, ok(`"`+strings.Repeat("x", maximumAnswer)+`"`))
	if _, err := made.get(t); err == nil || !strings.Contains(err.Error(), "longer than 32 MiB") {
		t.Errorf("an answer of 32 MiB and more leads to %v", err)
	}
}

func TestClustersAreThoseWantedOrAll(t *testing.T) {
	made := newCloud(t, nil)
	for name, test := range map[string]struct{ wanted, want []string }{
		"none":              {nil, nil},
		"some, once":        {[]string{"red", "blue", "red"}, []string{"blue", "red"}},
		"all, page by page": {[]string{"*"}, []string{"blue", "green", "red"}},
	} {
		if got, err := made.Names(t.Context(), test.wanted); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAClusterThatCannotBeUsedSaysWhy(t *testing.T) {
	made := newCloud(t, nil)
	for name, want := range map[string]string{
		"creating":  "it is CREATING and has no endpoint",
		"forbidden": `allow it with {"Effect":"Allow","Action":"eks:DescribeCluster"`,
		"nowhere":   "there is no such EKS cluster",
	} {
		if err := made.Do(t.Context(), name, Request{}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := made.Describe(t.Context(), "nowhere"); !IsNotFound(err) {
		t.Errorf("a cluster that is not there is %v", err)
	}
	if known, err := made.Describe(t.Context(), "blue"); err != nil || known.Account != "123456789012" || known.Region != "eu-west-1" {
		t.Errorf("blue is %+v, %v", known, err)
	}
}
