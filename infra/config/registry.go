package config

import (
	"fmt"
	"regexp"
	"strings"
)

// Registry is the private image registry.
type Registry struct {
	// Repositories are the repositories, at least one, each name once.
	Repositories []Repository `yaml:"repositories"`
}

// Repository is a private ECR repository.
type Repository struct {
	// Name is the repository's name: 2 to 256 lower-case letters, digits and . _ - /. Required.
	Name string `yaml:"name"`
	// ImmutableTags refuses to move a tag to another image. Default true; a workload whose policy is "tag:…" follows a
	// tag that moves and needs false.
	ImmutableTags *bool `yaml:"immutableTags"`
	// ScanOnPush has ECR look for known vulnerabilities in each pushed image. Default true.
	ScanOnPush *bool `yaml:"scanOnPush"`
	// ExpireUntaggedDays is after how many days an image without a tag is deleted, 1 to 3650; 0 keeps all. Default 30
	// with immutable tags, where nothing that davit rolled out loses its tag, and 0 without, since there a running
	// image loses its tag as soon as the tag moves.
	ExpireUntaggedDays *int `yaml:"expireUntaggedDays"`
	// KeepTagged is how many tagged images are kept, 100 to 10000; 0 keeps all. Default 0: ECR counts images by the
	// time of their push and knows nothing of what runs, so that a workload which stays long on one image would lose
	// it, and fail at its next scale-out, once that many newer ones were pushed.
	KeepTagged int `yaml:"keepTagged"`
}

// repositoryPattern follows the ECR API reference of CreateRepository.
var repositoryPattern = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// repository is the repository of the name, nil if there is none.
func (r *Registry) repository(name string) *Repository {
	for i := range r.Repositories {
		if r.Repositories[i].Name == name {
			return &r.Repositories[i]
		}
	}
	return nil
}

// RegistryHost is the host of the account's private registry, as it is in the names of its images.
func (c *Configuration) RegistryHost() string {
	host := c.Account + ".dkr.ecr." + c.Region + ".amazonaws.com"
	if strings.HasPrefix(c.Region, "cn-") {
		return host + ".cn"
	}
	return host
}

func (r *Registry) setDefaults() {
	for i := range r.Repositories {
		r.Repositories[i].setDefaults()
	}
}

func (r *Repository) setDefaults() {
	setDefaultPointer(&r.ImmutableTags, true)
	setDefaultPointer(&r.ScanOnPush, true)
	if *r.ImmutableTags {
		setDefaultPointer(&r.ExpireUntaggedDays, 30)
		return
	}
	setDefaultPointer(&r.ExpireUntaggedDays, 0)
}

func (r *Registry) validate(p *problems) {
	if len(r.Repositories) == 0 {
		p.add("registry.repositories", "want at least one")
	}
	names := make([]string, 0, len(r.Repositories))
	for i, repository := range r.Repositories {
		field := fmt.Sprintf("registry.repositories[%d]", i)
		names = append(names, repository.Name)
		p.match(field+".name", repository.Name, repositoryPattern, "the name of an ECR repository")
		if len(repository.Name) < 2 || len(repository.Name) > 256 {
			p.add(field+".name", "want 2 to 256 characters, have %d", len(repository.Name))
		}
		p.between(field+".expireUntaggedDays", *repository.ExpireUntaggedDays, 0, 3650)
		if repository.KeepTagged != 0 {
			p.between(field+".keepTagged", repository.KeepTagged, 100, 10000)
		}
	}
	p.unique("registry.repositories", names)
}
