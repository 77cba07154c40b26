package rollout

import (
	"fmt"
	"slices"
	"strings"

	"davit/shared/workload"
)

// Target is what a rollout of a workload would change.
type Target struct {
	Repository workload.Repository
	// Containers are the names of the containers that change together.
	Containers []string
	// Base is the image's name without tag and digest.
	Base string
	// Digest is what the containers run now, where all of them run the same image by digest; else empty.
	Digest string
	// Tag is what the containers run now, where they run it by tag.
	Tag string
}

// FindTarget says which containers of a workload follow which repository. All containers that run images of one
// repository change together. A workload with containers of several repositories names one by davit/container or
// davit/repository; a workload that runs no image of its repository yet names that by davit/repository. A public
// repository is always named so: which account an image of the public gallery is of, its name does not tell.
func FindTarget(observation workload.Observation) (Target, error) {
	containers, err := chosenContainers(observation)
	if err != nil {
		return Target{}, err
	}
	name := observation.Settings.Repository
	switch {
	case strings.HasPrefix(name, workload.PublicHost+"/"):
		return publicTarget(observation, containers, name)
	case name != "":
		return namedTarget(observation, containers, name)
	}
	return runningTarget(observation.Workload, containers)
}

// publicTarget follows a public repository of the workload's account.
func publicTarget(observation workload.Observation, containers []workload.Container, name string) (Target, error) {
	repository, err := workload.ParsePublicRepository(observation.Account, name)
	if err != nil {
		return Target{}, Refusef("davit/repository: %v", err)
	}
	target := Target{Repository: repository, Base: name}
	for _, container := range containers {
		image, err := workload.SplitImage(container.Image)
		if err != nil || image.Base != name {
			continue
		}
		if len(target.Containers) == 0 {
			target.Digest, target.Tag = image.Digest, image.Tag
		}
		if image.Digest != target.Digest {
			target.Digest = ""
		}
		target.Containers = append(target.Containers, container.Name)
	}
	switch {
	case len(target.Containers) > 0:
		return target, nil
	case len(containers) != 1:
		return Target{}, unnamed(name, containers)
	}
	target.Containers = []string{containers[0].Name}
	return target, nil
}

// unnamed refuses to guess which of several containers is to get its first image of a repository.
func unnamed(repository string, containers []workload.Container) error {
	return Refusef("no container runs an image of %s yet, and there are %s: name one by davit/container", repository,
		containerNames(containers))
}

func chosenContainers(observation workload.Observation) ([]workload.Container, error) {
	name := observation.Settings.Container
	if name == "" {
		return observation.Containers, nil
	}
	for _, container := range observation.Containers {
		if container.Name == name {
			return []workload.Container{container}, nil
		}
	}
	return nil, Refusef("davit/container names %q, but the containers are %s", name, containerNames(observation.Containers))
}

// namedTarget follows the repository of the davit/repository tag.
func namedTarget(observation workload.Observation, containers []workload.Container, name string) (Target, error) {
	repository := workload.Repository{Registry: observation.Account, Region: observation.Region, Name: name}
	if _, err := workload.ParseRepository(repository.String()); err != nil {
		return Target{}, Refusef("davit/repository is %q, which is not the name of an ECR repository", name)
	}
	running := slices.DeleteFunc(slices.Clone(containers), func(container workload.Container) bool {
		image, err := workload.ParseImage(container.Image)
		return err != nil || image.Repository != repository
	})
	if len(running) > 0 {
		return runningTarget(observation.Workload, running)
	}
	if len(containers) != 1 {
		return Target{}, unnamed(name, containers)
	}
	return Target{Repository: repository, Containers: []string{containers[0].Name}, Base: imageBase(repository)}, nil
}

// runningTarget follows the repository of the images that run.
func runningTarget(reference workload.Reference, containers []workload.Container) (Target, error) {
	var target Target
	first := true
	for _, container := range containers {
		image, err := workload.ParseImage(container.Image)
		switch {
		case err != nil:
			continue
		case first:
			target = Target{Repository: image.Repository, Base: image.Base, Digest: image.Digest, Tag: image.Tag}
			first = false
		case image.Repository != target.Repository:
			return Target{}, Refusef("containers run images of %s and of %s: name one by davit/container or davit/repository",
				target.Repository.Name, image.Repository.Name)
		}
		if image.Digest != target.Digest {
			target.Digest = ""
		}
		target.Containers = append(target.Containers, container.Name)
	}
	if first {
		return Target{}, Refusef("no container of %s runs an image of a private ECR repository: name it by davit/repository",
			reference)
	}
	return target, nil
}

// imageBase is the name under which ECR serves a repository
// (docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html).
func imageBase(repository workload.Repository) string {
	suffix := ""
	if strings.HasPrefix(repository.Region, "cn-") {
		suffix = ".cn"
	}
	return fmt.Sprintf("%s.dkr.ecr.%s.amazonaws.com%s/%s", repository.Registry, repository.Region, suffix, repository.Name)
}

func containerNames(containers []workload.Container) string {
	names := make([]string, len(containers))
	for index, container := range containers {
		names[index] = container.Name
	}
	return strings.Join(names, ", ")
}
