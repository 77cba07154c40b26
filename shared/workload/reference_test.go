package workload_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"davit/shared/workload"
)

func TestReferencesAreReadInTheirOneForm(t *testing.T) {
	for _, test := range []struct {
		text                     string
		kind                     workload.Kind
		cluster, namespace, name string
	}{
		{"ecs:davit/web", workload.ECS, "davit", "", "web"},
		{"ecs:Prod_1/web-2_B", workload.ECS, "Prod_1", "", "web-2_B"},
		{"ecs:" + strings.Repeat("c", 255) + "/" + strings.Repeat("s", 255), workload.ECS, strings.Repeat("c", 255), "",
			strings.Repeat("s", 255)},
		{"ec2:i-0123456789abcdef0", workload.EC2, "", "", "i-0123456789abcdef0"},
		{"eks:blue/shop/cart", workload.EKS, "blue", "shop", "cart"},
		{"eks:0_Blue-1/kube-system/my.app-2", workload.EKS, "0_Blue-1", "kube-system", "my.app-2"},
		{"eks:blue/shop/statefulset/db.a", workload.EKS, "blue", "shop", "db.a"},
		{"eks:blue/shop/daemonset/agent", workload.EKS, "blue", "shop", "agent"},
		{"eks:blue/shop/statefulset", workload.EKS, "blue", "shop", "statefulset"},
	} {
		got, err := workload.ParseReference(test.text)
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if got.Kind() != test.kind || got.Cluster() != test.cluster || got.Namespace() != test.namespace ||
			got.Name() != test.name {
			t.Errorf("%s: got kind %q, cluster %q, namespace %q, name %q", test.text, got.Kind(), got.Cluster(),
				got.Namespace(), got.Name())
		}
		if got.String() != test.text || got.IsZero() {
			t.Errorf("%s: is written %q, zero %t", test.text, got, got.IsZero())
		}
	}
}

func TestReferencesRefuseEverythingElse(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                         "",
		"no kind":                         "davit/web",
		"an unknown kind":                 "lambda:davit/web",
		"a kind in capitals":              "ECS:davit/web",
		"one part":                        "ecs:web",
		"a part too many":                 "ecs:davit/web/1",
		"a part too many for EKS":         "eks:blue/shop/cart/1",
		"a Deployment named as such":      "eks:blue/shop/deployment/cart",
		"a controller in capitals":        "eks:blue/shop/StatefulSet/db",
		"a controller of another kind":    "eks:blue/shop/job/db",
		"two parts too many for EKS":      "eks:blue/shop/statefulset/db/1",
		"a part too few for EKS":          "eks:blue/cart",
		"an empty cluster":                "ecs:/web",
		"an empty service":                "ecs:davit/",
		"a space before":                  " ecs:davit/web",
		"a space within":                  "ecs:davit/we b",
		"a line break after":              "ecs:davit/web\n",
		"an ARN":                          "arn:aws:ecs:us-west-2:111122223333:service/davit/web",
		"a pattern":                       "ecs:davit/*",
		"a letter of another script":      "ecs:davit/wéb",
		"a service of 256 letters":        "ecs:davit/" + strings.Repeat("s", 256),
		"an EKS cluster of 101 letters":   "eks:" + strings.Repeat("c", 101) + "/a/b",
		"an EKS cluster with a hyphen":    "eks:-c/a/b",
		"a namespace in capitals":         "eks:c/Shop/b",
		"a namespace with a full stop":    "eks:c/a.b/d",
		"a namespace of 64 letters":       "eks:c/" + strings.Repeat("n", 64) + "/b",
		"a namespace that ends in hyphen": "eks:c/a-/b",
		"a Deployment in capitals":        "eks:c/a/B",
		"a Deployment with two stops":     "eks:c/a/b..c",
		"a Deployment of 254 letters":     "eks:c/a/" + strings.Repeat("d", 254),
		"an instance without its i":       "ec2:0123456789abcdef0",
		"an instance of two parts":        "ec2:i-0123/i-4567",
		"a very long text":                strings.Repeat("ecs:", 100_000),
	} {
		got, err := workload.ParseReference(text)
		if !errors.Is(err, workload.ErrReference) || !got.IsZero() {
			t.Errorf("%s: got %v, %v; want ErrReference", name, got, err)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
	}
}

func TestServiceARNsAreReadWhereTheyNameTheCluster(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:ecs:us-west-2:111122223333:service/davit/web":      "ecs:davit/web",
		"arn:aws-cn:ecs:cn-north-1:111122223333:service/davit/web":  "ecs:davit/web",
		"arn:aws:ecs:us-west-2:111122223333:service/web":            "",
		"arn:aws:ecs:us-west-2:111122223333:task/davit/web":         "",
		"arn:aws:ecs:us-west-2:111122223333:service/davit/web/more": "",
		"arn:aws:ecs:us-west-2:111122223333:service/davit/w:eb":     "",
		"arn:aws:s3:us-west-2:111122223333:service/davit/web":       "",
		"aws:aws:ecs:us-west-2:111122223333:service/davit/web":      "",
		"arn:aws:ecs:us-west-2:service/davit/web":                   "",
		"service/davit/web": "",
		"":                  "",
	} {
		got, err := workload.ParseServiceARN(arn)
		if got.String() != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, workload.ErrReference) {
			t.Errorf("%q: got %q, %v; want %q", arn, got, err, want)
		}
		if older := arn == "arn:aws:ecs:us-west-2:111122223333:service/web"; errors.Is(err, workload.ErrNoCluster) != older {
			t.Errorf("%q: of the older form: %t, but %v", arn, older, err)
		}
	}
}

func TestReferenceIsTextInJSON(t *testing.T) {
	reference, err := workload.ECSService("davit", "web")
	if err != nil {
		t.Fatal(err)
	}
	type document struct {
		One  workload.Reference
		None workload.Reference
		Map  map[workload.Reference]int
	}
	given := document{One: reference, Map: map[workload.Reference]int{reference: 1}}
	text, err := json.Marshal(given)
	if want := `{"One":"ecs:davit/web","None":"","Map":{"ecs:davit/web":1}}`; err != nil || string(text) != want {
		t.Fatalf("got %s, %v; want %s", text, err, want)
	}
	var got document
	if err := json.Unmarshal(text, &got); err != nil || got.One != reference || !got.None.IsZero() || got.Map[reference] != 1 {
		t.Errorf("read %+v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"One":"ecs:web"}`), &got); !errors.Is(err, workload.ErrReference) {
		t.Errorf("a bad reference in JSON: %v", err)
	}
}

// FuzzParseReference holds that nothing makes the readers panic, and that what they read is written as it was.
func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{"", "ecs:davit/web", "eks:blue/shop/cart", "ecs:/", "eks://",
		"arn:aws:ecs:us-west-2:111122223333:service/default/servicetest", "arn:aws:ecs:::service/a/b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		reference, err := workload.ParseReference(text)
		if (err == nil) == reference.IsZero() {
			t.Fatalf("%q: got %q with %v", text, reference, err)
		}
		if err == nil && reference.String() != text {
			t.Fatalf("%q is written %q", text, reference)
		}
		if err != nil && !errors.Is(err, workload.ErrReference) {
			t.Fatalf("%q: error does not wrap ErrReference: %v", text, err)
		}
		service, err := workload.ParseServiceARN(text)
		if err != nil {
			if !errors.Is(err, workload.ErrReference) || !service.IsZero() {
				t.Fatalf("%q: got %q with %v", text, service, err)
			}
			return
		}
		if again, err := workload.ParseReference(service.String()); err != nil || again != service {
			t.Fatalf("%q reads as %q, and that as %q, %v", text, service, again, err)
		}
		if !strings.HasSuffix(text, ":service/"+service.Cluster()+"/"+service.Name()) {
			t.Fatalf("%q reads as %q", text, service)
		}
	})
}
