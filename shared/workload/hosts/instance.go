package hosts

import (
	"context"
	"time"

	"davit/shared/names"
	"davit/shared/workload"
)

// instance is what EC2 says of an instance.
type instance struct {
	ID      string `xml:"instanceId"`
	State   string `xml:"instanceState>name"`
	Tags    tags   `xml:"tagSet>item"`
	account string
}

type tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

type tags []tag

func (t tags) value(key string) string {
	for _, each := range t {
		if each.Key == key {
			return each.Value
		}
	}
	return ""
}

// groupTag is on every instance of an Auto Scaling group, by EC2 Auto Scaling itself.
const groupTag = "aws:autoscaling:groupName"

// gone tells whether the instance has ended, or is about to.
func (i instance) gone() bool { return i.State == "terminated" || i.State == "shutting-down" }

// settings are the owner's words on the instance, and on its group where the instance has none.
func settingsOf(own, groups tags) workload.Settings {
	either := func(key string) string {
		if value := own.value(key); value != "" {
			return value
		}
		return groups.value(key)
	}
	return workload.Settings{Playbook: either(names.TagPlaybook), Hold: either(names.TagHold)}
}

// instance finds an instance. EC2 forgets one an hour or so after it has ended.
func (e *EC2) instance(ctx context.Context, id string) (instance, bool, error) {
	var answer struct {
		Reservations []struct {
			Owner     string     `xml:"ownerId"`
			Instances []instance `xml:"instancesSet>item"`
		} `xml:"reservationSet>item"`
	}
	err := e.call(ctx, "DescribeInstances", map[string]string{"InstanceId.1": id}, &answer)
	if hasCode(err, "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed") {
		return instance{}, false, nil
	}
	if err != nil {
		return instance{}, false, err
	}
	for _, reservation := range answer.Reservations {
		for _, found := range reservation.Instances {
			found.account = reservation.Owner
			return found, true, nil
		}
	}
	return instance{}, false, nil
}

// ailing says what the status checks of a running instance find; empty where they find nothing, or are not done yet.
func (e *EC2) ailing(ctx context.Context, id string) (string, error) {
	var answer struct {
		Statuses []struct {
			System   string `xml:"systemStatus>status"`
			Instance string `xml:"instanceStatus>status"`
		} `xml:"instanceStatusSet>item"`
	}
	if err := e.call(ctx, "DescribeInstanceStatus", map[string]string{"InstanceId.1": id}, &answer); err != nil {
		return "", err
	}
	for _, status := range answer.Statuses {
		switch {
		case status.System == "impaired":
			return "the system status check fails: the machine below it has trouble", nil
		case status.Instance == "impaired":
			return "the instance status check fails", nil
		}
	}
	return "", nil
}

// volume is what EC2 says of a volume.
type volume struct {
	ID          string    `xml:"volumeId"`
	GiB         int       `xml:"size"`
	Zone        string    `xml:"availabilityZone"`
	State       string    `xml:"status"`
	Type        string    `xml:"volumeType"`
	IOPS        int       `xml:"iops"`
	Throughput  int       `xml:"throughput"`
	Encrypted   bool      `xml:"encrypted"`
	CreatedAt   time.Time `xml:"createTime"`
	Tags        tags      `xml:"tagSet>item"`
	Attachments []struct {
		Instance string `xml:"instanceId"`
	} `xml:"attachmentSet>item"`
}

// volumes are those with the tag, the newest first.
func (e *EC2) volumes(ctx context.Context, key, value string) ([]volume, error) {
	var answer struct {
		Volumes []volume `xml:"volumeSet>item"`
	}
	if err := e.call(ctx, "DescribeVolumes", map[string]string{"Filter.1.Name": "tag:" + key, "Filter.1.Value.1": value}, &answer); err != nil {
		return nil, err
	}
	return newestFirst(answer.Volumes, func(each volume) time.Time { return each.CreatedAt }), nil
}

// snapshot is what EC2 says of a copy of a volume.
type snapshot struct {
	ID        string    `xml:"snapshotId"`
	State     string    `xml:"status"`
	StartedAt time.Time `xml:"startTime"`
	GiB       int       `xml:"volumeSize"`
}

// newestSnapshot is the newest of the volume's that is complete.
func (e *EC2) newestSnapshot(ctx context.Context, volume string) (snapshot, bool, error) {
	var answer struct {
		Snapshots []snapshot `xml:"snapshotSet>item"`
	}
	err := e.call(ctx, "DescribeSnapshots", map[string]string{"Owner.1": "self", "Filter.1.Name": "volume-id", "Filter.1.Value.1": volume,
		"Filter.2.Name": "status", "Filter.2.Value.1": "completed"}, &answer)
	if err != nil || len(answer.Snapshots) == 0 {
		return snapshot{}, false, err
	}
	return newestFirst(answer.Snapshots, func(each snapshot) time.Time { return each.StartedAt })[0], true, nil
}
