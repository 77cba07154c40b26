package workload_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"davit/shared/workload"

	"github.com/google/go-cmp/cmp"
)

const someDigest = "sha256:74b2c688c700ec95a93e478cdb959737c148df3fbf5ea706abe0318726e885e6"

func TestImagesOfPrivateRepositoriesAreReadInFull(t *testing.T) {
	web := workload.Repository{Registry: "111122223333", Region: "us-west-2", Name: "web"}
	const host = "111122223333.dkr.ecr.us-west-2.amazonaws.com/"
	for _, test := range []struct {
		name, uri string
		want      workload.Image
	}{
		{"by tag", host + "web:1.0", workload.Image{Base: host + "web", Repository: web, Tag: "1.0"}},
		{"by digest", host + "web@" + someDigest, workload.Image{Base: host + "web", Repository: web, Digest: someDigest}},
		{"by both", host + "web:1.0@" + someDigest,
			workload.Image{Base: host + "web", Repository: web, Tag: "1.0", Digest: someDigest}},
		{"by neither", host + "web", workload.Image{Base: host + "web", Repository: web}},
		{"in folders", host + "team_a/shop.web/front-end:1",
			workload.Image{Base: host + "team_a/shop.web/front-end", Tag: "1",
				Repository: workload.Repository{Registry: "111122223333", Region: "us-west-2", Name: "team_a/shop.web/front-end"}}},
		{"by FIPS", "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/web",
			workload.Image{Base: "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/web",
				Repository: workload.Repository{Registry: "111122223333", Region: "us-gov-west-1", Name: "web"}}},
		{"in China", "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/web",
			workload.Image{Base: "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/web",
				Repository: workload.Repository{Registry: "111122223333", Region: "cn-north-1", Name: "web"}}},
		{"by dual stack", "111122223333.dkr-ecr.us-west-2.on.aws/web",
			workload.Image{Base: "111122223333.dkr-ecr.us-west-2.on.aws/web", Repository: web}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := workload.ParseImage(test.uri)
			if err != nil {
				t.Fatal(err)
			}
			test.want.URI = test.uri
			if difference := cmp.Diff(test.want, got); difference != "" {
				t.Errorf("image differs (-want +got):\n%s", difference)
			}
			if pinned := got.Pinned(someDigest); pinned != test.want.Base+"@"+someDigest {
				t.Errorf("pinned is %q", pinned)
			}
		})
	}
}

func TestOtherImagesAreNotOfAPrivateRepository(t *testing.T) {
	const host = "111122223333.dkr.ecr.us-west-2.amazonaws.com/"
	for name, uri := range map[string]string{
		"nothing":                      "",
		"Docker Hub":                   "nginx:1",
		"Docker Hub with a user":       "library/nginx",
		"the public registry":          "public.ecr.aws/nginx/nginx:1",
		"another registry":             "localhost:4566/web:1",
		"a host that looks like it":    "111122223333.dkr.ecr.us-west-2.amazonaws.com.example.org/web",
		"a host that ends like it":     "example.org/111122223333.dkr.ecr.us-west-2.amazonaws.com/web",
		"an account of eleven digits":  "11112222333.dkr.ecr.us-west-2.amazonaws.com/web",
		"no repository":                host,
		"the host alone":               strings.TrimSuffix(host, "/"),
		"a name in capitals":           host + "Web",
		"a name with an empty folder":  host + "a//b",
		"an empty tag":                 host + "web:",
		"a tag that is none":           host + "web:-1",
		"a tag of 129 letters":         host + "web:" + strings.Repeat("a", 129),
		"two tags":                     host + "web:1:2",
		"an empty digest":              host + "web@",
		"a short digest":               host + "web@sha256:1234",
		"a digest in capitals":         host + "web@" + strings.ToUpper(someDigest),
		"two digests":                  host + "web@" + someDigest + "@" + someDigest,
		"a line break after the image": host + "web:1\n",
	} {
		if got, err := workload.ParseImage(uri); !errors.Is(err, workload.ErrNotECR) || got != (workload.Image{}) {
			t.Errorf("%s: got %+v, %v; want ErrNotECR", name, got, err)
		}
	}
}

func TestRepositoriesAreReadAsTheyAreWritten(t *testing.T) {
	for text, right := range map[string]bool{
		"111122223333/us-west-2/web":       true,
		"111122223333/us-west-2/team/web":  true,
		"111122223333/us-west-2/":          false,
		"111122223333/us-west-2":           false,
		"111122223333//web":                false,
		"11112222333/us-west-2/web":        false,
		"abcdefghijkl/us-west-2/web":       false,
		"111122223333/US West/web":         false,
		"111122223333/us-west-2/Web":       false,
		"":                                 false,
		" 111122223333/us-west-2/web":      false,
		"111122223333/us-west-2/web\n":     false,
		"111122223333/us-west-2/team//web": false,
		"111122223333/us-west-2/web/":      false,
	} {
		got, err := workload.ParseRepository(text)
		if (err == nil) != right {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
		if right && got.String() != text {
			t.Errorf("%q is written %q", text, got)
		}
	}
}

func TestPublicRepositoriesAreReadByTheirNameInTheGallery(t *testing.T) {
	for text, want := range map[string]string{
		"public.ecr.aws/a1b2c3d4/web":      "111122223333/public/web",
		"public.ecr.aws/a1b2c3d4/shop/web": "111122223333/public/shop/web",
		"public.ecr.aws/web":               "",
		"public.ecr.aws/a1b2c3d4/":         "",
		"public.ecr.aws/A1/web":            "",
		"public.ecr.aws/a1b2c3d4/web:1":    "",
		"docker.io/library/web":            "",
		"":                                 "",
	} {
		got, err := workload.ParsePublicRepository("111122223333", text)
		if (err == nil) != (want != "") || err == nil && (got.String() != want || !got.Public()) {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
		if again, err := workload.ParseRepository(got.String()); want != "" && (err != nil || again != got) {
			t.Errorf("%q is not read as it is written: %v", want, err)
		}
	}
}

func TestShortDigestIsForPeople(t *testing.T) {
	for digest, want := range map[string]string{someDigest: "74b2c688c700", "sha256:74b2": "74b2", "": ""} {
		if got := workload.ShortDigest(digest); got != want {
			t.Errorf("%q: got %q, want %q", digest, got, want)
		}
	}
}

// FuzzParseImage holds that nothing makes the readers panic, and that an image that is read is made of its parts.
func FuzzParseImage(f *testing.F) {
	const host = "111122223333.dkr.ecr.us-west-2.amazonaws.com/"
	for _, seed := range []string{"", host + "web:1.0@" + someDigest, host + "a/b", "nginx", "111122223333/us-west-2/web"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if repository, err := workload.ParseRepository(text); err == nil && repository.String() != text {
			t.Fatalf("%q is written %q", text, repository)
		}
		image, err := workload.ParseImage(text)
		if err != nil {
			if !errors.Is(err, workload.ErrNotECR) || image != (workload.Image{}) {
				t.Fatalf("%q: got %+v with %v", text, image, err)
			}
			return
		}
		whole := image.Base
		if image.Tag != "" {
			whole += ":" + image.Tag
		}
		if image.Digest != "" {
			whole += "@" + image.Digest
		}
		if whole != text || image.URI != text {
			t.Fatalf("%q has the parts %+v", text, image)
		}
		if again, err := workload.ParseRepository(image.Repository.String()); err != nil || again != image.Repository {
			t.Fatalf("%q: its repository %q reads as %+v, %v", text, image.Repository, again, err)
		}
		pinned, err := workload.ParseImage(image.Pinned(someDigest))
		if err != nil || pinned.Repository != image.Repository || pinned.Digest != someDigest {
			t.Fatalf("%q pinned reads as %+v, %v", text, pinned, err)
		}
	})
}

// TestARepositoryIsWrittenAsTheRestOfARecord reads the older form, too, which records in tables still have.
func TestARepositoryIsWrittenAsTheRestOfARecord(t *testing.T) {
	const written = `{"registry":"123456789012","region":"eu-north-1","name":"web"}`
	for _, text := range []string{written, `{"Registry":"123456789012","Region":"eu-north-1","Name":"web"}`} {
		var read workload.Repository
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(read); err != nil || string(again) != written {
			t.Errorf("%s is written as %s, %v", text, again, err)
		}
	}
}
