package hosts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/recovery"
	"davit/shared/rollout"
)

// node is a blockchain node on the only host of a group; the zero value is a host that is none.
type node struct {
	name     string
	data     volume
	snapshot snapshot
	// limit is the value of the group's davit/volume-limit tag.
	limit string
}

// node finds the data volume of the group's node, and the newest snapshot of it. Both carry the node's name in their tag.
func (d *Driver) node(ctx context.Context, of group) (node, error) {
	found := node{name: of.tags.value(names.TagChainNode), limit: of.tags.value(names.TagVolumeLimit)}
	if found.name == "" {
		return node{}, nil
	}
	volumes, err := d.clients.EC2.volumes(ctx, names.TagChainNode, found.name)
	if err != nil || len(volumes) == 0 {
		return found, err
	}
	found.data = volumes[0]
	found.snapshot, _, err = d.clients.EC2.newestSnapshot(ctx, found.data.ID)
	return found, err
}

// stepGiB is the least that a volume grows by.
const stepGiB = 10

// volume is the node's data volume; the error says why it cannot grow.
func (n node) volume() (recovery.Volume, error) {
	seen := recovery.Volume{ID: n.data.ID, GiB: n.data.GiB, Snapshot: n.snapshot.ID}
	limit, err := strconv.Atoi(n.limit)
	next := n.data.GiB + max(stepGiB, (n.data.GiB/4+stepGiB-1)/stepGiB*stepGiB)
	switch {
	case n.data.ID == "":
		return seen, fmt.Errorf("it has no data volume with the tag %s=%s", names.TagChainNode, n.name)
	case n.limit == "":
		return seen, errors.New("its owner allows no larger volume; tag its group " + names.TagVolumeLimit + "=GIB to allow one")
	case err != nil || limit < 1:
		return seen, fmt.Errorf("the tag %s is %q, which is no number of GiB", names.TagVolumeLimit, n.limit)
	case next > limit:
		return seen, fmt.Errorf("the next step is %d GiB, and its owner allows %d", next, limit)
	}
	seen.NextGiB = next
	return seen, nil
}

// restartClient has the node's clients restarted by the node's own SSM document.
func (d *Driver) restartClient(ctx context.Context, act ledger.Act, resume bool) (recovery.Done, error) {
	command, err := d.run(ctx, act, names.RestartClientDocument, resume)
	return recovery.Done{Text: fmt.Sprintf("restarted the client on %s by command %s", act.Before.Host, command)}, err
}

// run sends a command to the act's host. The act's ID is its comment, by which an earlier attempt's is found.
func (d *Driver) run(ctx context.Context, act ledger.Act, document string, resume bool) (string, error) {
	if resume {
		sent, err := d.sent(ctx, act, document)
		if err != nil || sent != "" {
			return sent, err
		}
	}
	output, err := d.clients.SSM.SendCommand(ctx, &ssm.SendCommandInput{DocumentName: &document, InstanceIds: []string{act.Before.Host},
		Comment: &act.ID})
	var unreachable *types.InvalidInstanceId
	if errors.As(err, &unreachable) {
		return "", rollout.Refusef("Systems Manager does not reach %s", act.Before.Host)
	}
	var missing *types.InvalidDocument
	if errors.As(err, &missing) {
		return "", rollout.Refusef("there is no SSM document %s, which comes with the stack of the node", document)
	}
	if err != nil {
		return "", fmt.Errorf("ssm:SendCommand of %s: %w", document, err)
	}
	return aws.ToString(output.Command.CommandId), nil
}

// sent finds the command that an earlier attempt sent.
func (d *Driver) sent(ctx context.Context, act ledger.Act, document string) (string, error) {
	pages := ssm.NewListCommandsPaginator(d.clients.SSM, &ssm.ListCommandsInput{InstanceId: &act.Before.Host,
		Filters: []types.CommandFilter{{Key: types.CommandFilterKeyInvokedAfter, Value: aws.String(act.IntendedAt.Add(-time.Minute).UTC().Format(time.RFC3339))}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("ssm:ListCommands: %w", err)
		}
		for _, command := range page.Commands {
			if aws.ToString(command.Comment) == act.ID && aws.ToString(command.DocumentName) == document {
				return aws.ToString(command.CommandId), nil
			}
		}
	}
	return "", nil
}

// growVolume makes the volume a step larger, and then the file system on it, which waits on the host until the volume has
// grown (docs.aws.amazon.com/ebs/latest/userguide/recognize-expanded-volume-linux.html).
func (d *Driver) growVolume(ctx context.Context, act ledger.Act, seen recovery.Volume, resume bool) (recovery.Done, error) {
	wanted := seen.NextGiB
	if wanted == 0 && !resume {
		return recovery.Done{}, rollout.Refusef("its owner allows no larger volume any more")
	}
	if resume && seen.GiB > act.Before.VolumeGiB {
		wanted = seen.GiB
	} else {
		err := d.clients.EC2.call(ctx, "ModifyVolume", map[string]string{"VolumeId": act.Before.Volume, "Size": strconv.Itoa(wanted)}, nil)
		if hasCode(err, "IncorrectModificationState", "VolumeModificationRateExceeded", "VolumeModificationSizeLimitExceeded", "InvalidParameterValue") {
			return recovery.Done{}, rollout.Refusef("EBS does not grow %s: %s", act.Before.Volume, message(err))
		}
		if err != nil {
			return recovery.Done{}, err
		}
	}
	if _, err := d.run(ctx, act, names.GrowFileSystemDocument, resume); err != nil {
		return recovery.Done{}, err
	}
	return recovery.Done{Text: fmt.Sprintf("grew %s from %d to %d GiB, and its file system; a volume cannot shrink again",
		act.Before.Volume, act.Before.VolumeGiB, wanted)}, nil
}

// restoreSnapshot makes a volume of the newest snapshot, hands the node's name over to it, and ends the host: the one that
// comes takes the volume that has the name. The volume before is kept.
func (d *Driver) restoreSnapshot(ctx context.Context, act ledger.Act, resume bool) (recovery.Done, error) {
	made, err := d.restored(ctx, act, resume)
	if err != nil {
		return recovery.Done{}, err
	}
	if err := d.release(ctx, act.Before.Volume); err != nil {
		return recovery.Done{}, err
	}
	if _, err := d.replace(ctx, act.Before.Host, containerInstance{}); err != nil {
		return recovery.Done{}, err
	}
	return recovery.Done{Text: fmt.Sprintf("made %s of snapshot %s, and ended %s so that the next host takes it; %s is kept, and has the data of before",
		made.ID, made.of, act.Before.Host, act.Before.Volume)}, nil
}

// release takes the node's name from the volume. IAM allows that of one that has it alone, so it is looked for first.
func (d *Driver) release(ctx context.Context, id string) error {
	found, err := d.volumeByID(ctx, id)
	if err != nil || found.Tags.value(names.TagChainNode) == "" {
		return err
	}
	return d.clients.EC2.call(ctx, "DeleteTags", map[string]string{"ResourceId.1": id, "Tag.1.Key": names.TagChainNode}, nil)
}

// restored is a volume and the snapshot that it was made of.
type restored struct{ ID, of string }

// restored makes the volume, like the one before, or finds the one that an earlier attempt made. EC2 makes one volume for
// a token, however often it is asked.
func (d *Driver) restored(ctx context.Context, act ledger.Act, resume bool) (restored, error) {
	if resume {
		earlier, err := d.clients.EC2.volumes(ctx, names.TagAct, act.ID)
		if err != nil {
			return restored{}, err
		}
		if len(earlier) > 0 {
			return restored{earlier[0].ID, earlier[0].Tags.value(names.TagSnapshot)}, nil
		}
	}
	before, err := d.volumeByID(ctx, act.Before.Volume)
	if err != nil {
		return restored{}, err
	}
	newest, found, err := d.clients.EC2.newestSnapshot(ctx, act.Before.Volume)
	if err != nil {
		return restored{}, err
	}
	if !found {
		return restored{}, rollout.Refusef("there is no snapshot of %s any more", act.Before.Volume)
	}
	parameters := map[string]string{"ClientToken": act.ID, "SnapshotId": newest.ID, "AvailabilityZone": before.Zone,
		"Size": strconv.Itoa(max(before.GiB, newest.GiB)), "VolumeType": before.Type, "Encrypted": "true", "TagSpecification.1.ResourceType": "volume"}
	if before.Type == "gp3" {
		parameters["Iops"], parameters["Throughput"] = strconv.Itoa(max(before.IOPS, 3000)), strconv.Itoa(max(before.Throughput, 125))
	}
	for number, each := range append(inherited(before.Tags), tag{names.TagAct, act.ID}, tag{names.TagSnapshot, newest.ID}) {
		parameters[fmt.Sprintf("TagSpecification.1.Tag.%d.Key", number+1)] = each.Key
		parameters[fmt.Sprintf("TagSpecification.1.Tag.%d.Value", number+1)] = each.Value
	}
	var made volume
	if err := d.clients.EC2.call(ctx, "CreateVolume", parameters, &made); err != nil {
		return restored{}, err
	}
	return restored{made.ID, newest.ID}, nil
}

// inherited are the tags that the new volume has from the one before: AWS keeps its own to itself.
func inherited(of tags) tags {
	var kept tags
	for _, each := range of {
		if !strings.HasPrefix(each.Key, "aws:") && each.Key != names.TagAct && each.Key != names.TagSnapshot {
			kept = append(kept, each)
		}
	}
	return kept
}

func (d *Driver) volumeByID(ctx context.Context, id string) (volume, error) {
	var answer struct {
		Volumes []volume `xml:"volumeSet>item"`
	}
	if err := d.clients.EC2.call(ctx, "DescribeVolumes", map[string]string{"VolumeId.1": id}, &answer); err != nil {
		return volume{}, err
	}
	if len(answer.Volumes) == 0 {
		return volume{}, rollout.Refusef("there is no volume %s any more", id)
	}
	return answer.Volumes[0], nil
}
