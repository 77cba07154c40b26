package command

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"
	"github.com/spf13/cobra"

	"davit/cmd/davit/command/show"
	"davit/cmd/davit/emulator"
	"davit/shared/imagepolicy"
	"davit/shared/ledger"
	"davit/shared/names"
	"davit/shared/rollout"
	"davit/shared/workload"
)

func TestWrongUsageIsToldApartFromFailure(t *testing.T) {
	for _, test := range []struct {
		name      string
		arguments []string
		want      string
	}{
		{"an unknown command", []string{"statsu"}, "did you mean status?"},
		{"an unknown subcommand of a group", []string{"local", "upp"}, `"upp" is no command of davit local; did you mean up?`},
		{"an unknown flag", []string{"status", "--jsn"}, "unknown flag: --jsn"},
		{"no workload", []string{"history"}, `WORKLOAD is missing, as in "davit history ecs:davit/web"`},
		{"two workloads", []string{"explain", "ecs:a/b", "ecs:a/c"}, `want WORKLOAD|INCIDENT, as in "davit explain ecs:davit/web"; have "ecs:a/b" "ecs:a/c"` + "\n"},
		{"a reason without quotes", []string{"hold", "ecs:a/b", "--why", "load", "test"},
			`; have "ecs:a/b" "test": a text with spaces takes quotes`},
		{"a reason without quotes for all", []string{"stop", "--why", "game", "day"}, `davit stop takes no arguments, have "day": a text with spaces takes quotes`},
		{"three images", []string{"forgive", "ecs:a/b", "1.0.0", "1.1.0"}, `want WORKLOAD [DIGEST|TAG], as in "davit forgive ecs:davit/web 1.2.0"; have "ecs:a/b" "1.0.0" "1.1.0"`},
		{"an unknown shell", []string{"completion", "tcsh"}, `"tcsh" is no command of davit completion`},
		{"what is no workload", []string{"status", "web"}, "want ecs:CLUSTER/SERVICE"},
		{"a host without its kind", []string{"hold", "i-0123456789abcdef0", "--why", "x"}, "ec2:INSTANCE"},
		{"a host", []string{"status", "ec2:i-0123456789abcdef0"}, "nothing rolls out on a host"},
		{"a group of hosts", []string{"explain", "asg:hosts"}, "davit hold has it left alone"},
		{"a hold without a reason", []string{"hold", "ecs:a/b"}, "say why"},
		{"a reason that is a book", []string{"hold", "ecs:a/b", "--why", strings.Repeat("x", 401)}, "at most 400"},
		{"a name that is a book", []string{"resume", "ecs:a/b", "--who", strings.Repeat("x", 129)}, "at most 128"},
		{"a hold that has ended", []string{"hold", "ecs:a/b", "--why", "x", "--until", "2020-01-01T00:00:00Z"}, "has passed already"},
		{"a hold until nobody knows", []string{"hold", "ecs:a/b", "--why", "x", "--until", "soon"}, "is no duration"},
		{"a rollback without a reason", []string{"rollback", "ecs:a/b"}, "say why"},
		{"a rollout that waits for no time", []string{"rollout", "ecs:a/b", "--why", "x", "--timeout", "0s"}, "not above zero"},
		{"no history at all", []string{"history", "ecs:a/b", "--limit", "0"}, "--limit 0 is not 1 to 1000"},
		{"an empty image", []string{"forgive", "ecs:a/b", ""}, "the image is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			group := &cobra.Command{Use: "local"}
			group.AddCommand(&cobra.Command{Use: "up", RunE: func(*cobra.Command, []string) error { return nil }})
			world := environment{now: time.Now, load: func(context.Context, string) (aws.Config, error) {
				return aws.Config{}, errors.New("the world was entered")
			}}
			var written strings.Builder
			root := newRoot(world, group)
			root.SetOut(&written)
			code := execute(t.Context(), root, test.arguments, &written)
			if code != ExitUsage || !strings.Contains(written.String(), test.want) || !strings.Contains(written.String(), "--help") {
				t.Errorf("exit code %d, and it says:\n%s\nwant exit code %d and %q", code, written.String(), ExitUsage, test.want)
			}
		})
	}
}

func TestEveryVerbHasHelpWithAnExample(t *testing.T) {
	for _, verb := range newRoot(awsEnvironment()).Commands() {
		if !strings.Contains(verb.Example, "davit "+verb.Name()) || verb.Long == "" || verb.Flags().Lookup("json") == nil ||
			verb.Flags().Lookup("region") == nil || verb.ValidArgsFunction == nil {
			t.Errorf("%s lacks an example, a description, --json, --region or completion", verb.Name())
		}
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	fatal(t, install())
	t.Run("davit is not installed", func(t *testing.T) {
		run(t, "status", "--region", "eu-north-1").want(t, ExitFailed,
			"davit is not installed in 000000000000/eu-north-1: deploy the automation stack, or set AWS_REGION / AWS_ENDPOINT_URL")
		run(t, "replay", "../../../events/ecr/testdata/push.json", "--region", "eu-north-1").want(t, ExitFailed,
			"davit is not installed in 000000000000/eu-north-1")
	})
	t.Run("the workload is unknown", func(t *testing.T) {
		newService(t, "shop")
		for _, arguments := range [][]string{{"explain"}, {"history"}, {"status"}, {"resume"}, {"forgive"}, {"hold", "--why", "x"},
			{"rollback", "--why", "x"}, {"rollout", "--why", "x"}} {
			run(t, append(arguments, "ecs:shop/shpo")...).want(t, ExitFailed,
				"ecs:shop/shpo: there is no such workload in 000000000000/ap-northeast-2", "davit knows ecs:shop/shop")
		}
	})
	t.Run("the host is unknown", func(t *testing.T) {
		run(t, "hold", "asg:nowhere", "--why", "x").want(t, ExitFailed, "asg:nowhere: there is no such host or group of hosts in "+
			"000000000000/ap-northeast-2", "--region")
	})
	t.Run("the event cannot be read", func(t *testing.T) {
		run(t, "replay", "nowhere.json").want(t, ExitFailed, "reading the event: open nowhere.json")
		runWith(t, "{}", "replay", "-", "--dry-run").want(t, ExitFailed, "-: malformed event: id: is missing or empty")
		runWith(t, strings.Repeat(" ", 2<<20), "replay", "-").want(t, ExitFailed, "longer than 1048576")
		run(t, "replay", "../../../events/cloudwatch/testdata/metric.json", "--dry-run").want(t, ExitFailed,
			`no rollout comes of "CloudWatch Alarm State Change"`)
	})
	t.Run("nothing answers", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		fatal(t, err)
		closed := "http://" + listener.Addr().String()
		fatal(t, listener.Close())
		t.Setenv("AWS_ENDPOINT_URL", closed)
		t.Setenv("AWS_MAX_ATTEMPTS", "1")
		var written strings.Builder
		code := execute(t.Context(), newRoot(awsEnvironment()), []string{"explain", "ecs:a/b"}, &written)
		if want := "davit: nothing answers at " + closed + ": start the local cloud"; code != ExitFailed || !strings.HasPrefix(written.String(), want) {
			t.Errorf("exit code %d, and it says %s", code, written.String())
		}
		configuration, err := LoadConfiguration(t.Context(), "")
		fatal(t, err)
		if _, err := Account(t.Context(), configuration); err == nil || !strings.HasSuffix(err.Error(), "nothing answers at "+closed+
			": start the local cloud with \"davit local up\", or unset AWS_ENDPOINT_URL") {
			t.Errorf("beside the verbs it says %v", err)
		}
	})
}

func TestTheAWSEnvironment(t *testing.T) {
	clear := func(t *testing.T) {
		for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
			"AWS_ENDPOINT_URL", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
			t.Setenv(variable, "")
		}
		t.Setenv("AWS_CONFIG_FILE", "/dev/null")
		t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	}
	t.Run("without a region it is said how to give one", func(t *testing.T) {
		clear(t)
		_, err := LoadConfiguration(t.Context(), "")
		if err == nil || !strings.Contains(err.Error(), "set AWS_REGION, or give --region") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("without credentials it is said how to get them", func(t *testing.T) {
		clear(t)
		_, err := LoadConfiguration(t.Context(), "eu-north-1")
		if err == nil || !strings.Contains(err.Error(), "set AWS_PROFILE") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("an endpoint without a scheme is told how it is written", func(t *testing.T) {
		clear(t)
		t.Setenv("AWS_ENDPOINT_URL", "localhost:4566")
		_, err := LoadConfiguration(t.Context(), "eu-north-1")
		if err == nil || err.Error() != `AWS_ENDPOINT_URL is "localhost:4566": want http://localhost:4566` {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("of a profile that is not there it is said how to find those that are", func(t *testing.T) {
		clear(t)
		t.Setenv("AWS_PROFILE", "nope")
		_, err := LoadConfiguration(t.Context(), "eu-north-1")
		if err == nil || !strings.Contains(err.Error(), `AWS_PROFILE is "nope"`) || !strings.Contains(err.Error(), "aws configure list-profiles") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("the SDK does not write between a command's lines", func(t *testing.T) {
		clear(t)
		t.Setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
		configuration, err := LoadConfiguration(t.Context(), "")
		if _, silent := configuration.Logger.(logging.Nop); err != nil || !silent {
			t.Errorf("the logger is %T, %v", configuration.Logger, err)
		}
	})
	t.Run("a cloud on this machine needs neither", func(t *testing.T) {
		clear(t)
		t.Setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
		configuration, err := LoadConfiguration(t.Context(), "")
		fatal(t, err)
		if key, err := configuration.Credentials.Retrieve(t.Context()); err != nil || key.AccessKeyID != "local" ||
			configuration.Region != emulator.DefaultRegion || aws.ToString(configuration.BaseEndpoint) != "http://localhost:4566" {
			t.Errorf("the configuration is %+v with %v, %v", configuration, key, err)
		}
	})
	t.Run("what is given is taken", func(t *testing.T) {
		clear(t)
		t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
		t.Setenv("AWS_ACCESS_KEY_ID", "mine")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "mine")
		t.Setenv("AWS_REGION", "us-west-2")
		configuration, err := LoadConfiguration(t.Context(), "")
		fatal(t, err)
		if key, err := configuration.Credentials.Retrieve(t.Context()); err != nil || key.AccessKeyID != "mine" || configuration.Region != "us-west-2" {
			t.Errorf("the configuration is %+v with %v, %v", configuration, key, err)
		}
		asked, err := LoadConfiguration(t.Context(), "eu-north-1")
		if err != nil || asked.Region != "eu-north-1" {
			t.Errorf("the region is %s, %v", asked.Region, err)
		}
	})
}

func testWorld() environment {
	return environment{now: time.Now, load: func(_ context.Context, region string) (aws.Config, error) { return localConfiguration(region), nil }}
}

func parse(t *testing.T, text string) workload.Reference {
	t.Helper()
	read, err := workload.ParseReference(text)
	fatal(t, err)
	return read
}

func TestAVerbThatOnlyReadsCannotWrite(t *testing.T) {
	fatal(t, install())
	s, err := testWorld().open(t.Context(), flags{}, reading)
	fatal(t, err)
	_, err = s.Ledger.Write(t.Context(), ledger.Record{Workload: parse(t, "ecs:none/none")})
	if err == nil || !strings.Contains(err.Error(), `a command that only reads tried "TransactWriteItems"`) {
		t.Errorf("the error is %v", err)
	}
	if err := s.enqueue(t.Context(), []byte("{}"), 0); err == nil || !strings.Contains(err.Error(), `tried "SendMessageBatch"`) {
		t.Errorf("the error is %v", err)
	}
}

func TestAChangeIsMadeAgainWhenSomebodyElseWasFaster(t *testing.T) {
	fatal(t, install())
	s, err := testWorld().open(t.Context(), flags{}, writing)
	fatal(t, err)
	raced := parse(t, "ecs:raced/raced")
	tries := 0
	_, err = s.change(t.Context(), act{verb: rollout.HumanHold, workload: raced, who: "oncall"}, func(record *ledger.Record) (ledger.Entry, error) {
		if tries++; tries <= 2 {
			faster := record.Clone()
			faster.Good = append(faster.Good, ledger.Image{Digest: "sha256:" + strings.Repeat("0", 63) + string(rune('0'+tries))})
			if _, err := s.Ledger.Write(t.Context(), faster); err != nil {
				t.Fatal(err)
			}
		}
		record.Hold = &ledger.Hold{Who: "oncall"}
		return ledger.Entry{Reason: "test"}, nil
	})
	fatal(t, err)
	records, err := s.Ledger.Read(t.Context(), []workload.Reference{raced})
	fatal(t, err)
	if record := records[raced]; tries != 3 || len(record.Good) != 2 || record.Hold == nil || record.Version != 3 {
		t.Errorf("after %d tries the record is %+v", tries, record)
	}
	entries, err := s.Ledger.History(t.Context(), raced, 10, "")
	if err != nil || len(entries) != 1 || entries[0].Cause != "davit hold by oncall" || entries[0].ID != "0000000002-hold-requested" {
		t.Errorf("the history is %+v, %v", entries, err)
	}
}

func TestOneRecordThatCannotBeReadHidesNoOther(t *testing.T) {
	newService(t, "sound")
	client, broken := dynamodb.NewFromConfig(localConfiguration("")), "ecs:broken/broken"
	text := func(value string) dynamodbtypes.AttributeValue {
		return &dynamodbtypes.AttributeValueMemberS{Value: value}
	}
	items := []map[string]dynamodbtypes.AttributeValue{
		{names.TablePartitionKey: text("workloads"), names.TableSortKey: text(broken)},
		{names.TablePartitionKey: text("workload#" + broken), names.TableSortKey: text("record"), "record": text("{"),
			"version": &dynamodbtypes.AttributeValueMemberN{Value: "1"}},
	}
	for _, item := range items {
		_, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(names.Table), Item: item})
		fatal(t, err)
		t.Cleanup(func() {
			key := map[string]dynamodbtypes.AttributeValue{names.TablePartitionKey: item[names.TablePartitionKey], names.TableSortKey: item[names.TableSortKey]}
			if _, err := client.DeleteItem(context.Background(), &dynamodb.DeleteItemInput{TableName: aws.String(names.Table), Key: key}); err != nil {
				t.Error(err)
			}
		})
	}
	run(t, "status").want(t, ExitDone, "ecs:sound/sound", "rolls 1.0.0", "ecs:broken/broken is unknown: decode the record of ecs:broken/broken")
}

// failingRegistry answers every repository with one error.
type failingRegistry struct{ err error }

func (f failingRegistry) Images(context.Context, workload.Repository) ([]imagepolicy.Image, error) {
	return nil, f.err
}

func TestOneRepositoryThatCannotBeReadHidesNoOtherWorkload(t *testing.T) {
	denied, repository := errors.New("denied"), workload.Repository{Name: "web"}
	tolerant := &gallery{registry: failingRegistry{denied}, tolerant: true, lists: map[workload.Repository]imageList{}}
	if _, err := tolerant.Images(t.Context(), repository); err != nil {
		t.Errorf("the error is %v", err)
	}
	if list, found := tolerant.known(repository); !found || !errors.Is(list.err, denied) {
		t.Errorf("the fault is forgotten: %+v", list)
	}
	strict := &gallery{registry: failingRegistry{denied}, lists: map[workload.Repository]imageList{}}
	if _, err := strict.Images(t.Context(), repository); !errors.Is(err, denied) {
		t.Errorf("the error is %v", err)
	}
	tolerant.registry = failingRegistry{rollout.ErrNoRepository}
	if _, err := tolerant.Images(t.Context(), workload.Repository{Name: "api"}); !errors.Is(err, rollout.ErrNoRepository) {
		t.Errorf("a missing repository is taken for an empty one: %v", err)
	}
}

const (
	wantedDigest = "sha256:aaaaaaaaaaaa0000000000000000000000000000000000000000000000000000"
	otherDigest  = "sha256:bbbbbbbbbbbb0000000000000000000000000000000000000000000000000000"
)

func TestWhatEndsARequest(t *testing.T) {
	wanted, other := &ledger.Image{Digest: wantedDigest, Tag: "1.1.0"}, &ledger.Image{Digest: otherDigest, Tag: "1.0.0"}
	ours := func(action rollout.Action) ledger.Entry {
		return ledger.Entry{Action: string(action), Image: wanted, Rollout: "ours", Reason: "the reason"}
	}
	refusal := func(code rollout.Code, image *ledger.Image) ledger.Entry {
		return ledger.Entry{Action: string(rollout.Refuse), Code: string(code), Image: image, Reason: "the reason"}
	}
	for _, test := range []struct {
		name    string
		entries []ledger.Entry
		ended   bool
		err     string
	}{
		{"nothing yet", nil, false, ""},
		{"it began", []ledger.Entry{ours(rollout.Roll)}, false, ""},
		{"it succeeded", []ledger.Entry{ours(rollout.Roll), ours(rollout.Succeed)}, true, ""},
		{"it runs already", []ledger.Entry{{Action: string(rollout.Settle), Image: wanted}}, true, ""},
		{"something newer took its place", []ledger.Entry{{Action: string(rollout.Settle), Code: string(rollout.Superseded), Image: wanted,
			Reason: "oncall asked for 1.1.0, and 1.2.0 was pushed since"}}, true, "1.1.0 (aaaaaaaaaaaa) was superseded: oncall asked for 1.1.0, and 1.2.0 was pushed since"},
		{"an earlier rollout of the same image succeeded", []ledger.Entry{{Action: string(rollout.Succeed), Image: wanted, Rollout: "earlier"}}, false, ""},
		{"another rollout failed", []ledger.Entry{ours(rollout.Roll), {Action: string(rollout.Fail), Image: other, Rollout: "other"}}, false, ""},
		{"it failed", []ledger.Entry{ours(rollout.Roll), ours(rollout.Fail)}, true, "the rollout of 1.1.0 (aaaaaaaaaaaa) failed: the reason"},
		{"it was superseded", []ledger.Entry{ours(rollout.Roll), ours(rollout.Supersede)}, true, "was superseded: the reason"},
		{"it was abandoned", []ledger.Entry{ours(rollout.Roll), ours(rollout.Abandon)}, true, "was abandoned: the reason"},
		{"it is overdue", []ledger.Entry{ours(rollout.Roll), ours(rollout.ReportOverdue)}, false, ""},
		{"it was refused for good", []ledger.Entry{refusal(rollout.Unverified, wanted)}, true, "refused: the reason"},
		{"it is held", []ledger.Entry{refusal(rollout.Held, wanted)}, true, "The request stands"},
		{"it is frozen", []ledger.Entry{refusal(rollout.Frozen, wanted)}, true, "--override"},
		{"the workload is refused", []ledger.Entry{refusal(rollout.Ambiguous, nil)}, true, "davit explain ecs:davit/web"},
		{"another image is refused", []ledger.Entry{refusal(rollout.BadDigest, other)}, false, ""},
		{"somebody else asked for another image", []ledger.Entry{{Action: "rollback", Image: other, Cause: "davit rollback by release"}}, true, "davit rollback by release"},
		{"somebody held it", []ledger.Entry{{Action: "hold"}}, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			following := follower{session: &session{progress: io.Discard}, workload: parse(t, "ecs:davit/web"), image: *wanted}
			var (
				ended bool
				err   error
			)
			for _, entry := range test.entries {
				if ended, err = following.judge(entry); ended {
					break
				}
			}
			if ended != test.ended || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("ended %t with %v, want %t with %q", ended, err, test.ended, test.err)
			}
		})
	}
}

func TestHowAnImageIsNamed(t *testing.T) {
	image := ledger.Image{Digest: wantedDigest, Tag: "1.1.0"}
	for _, test := range []struct {
		text string
		want bool
	}{
		{"1.1.0", true}, {wantedDigest, true}, {"sha256:aaaaaa", true}, {"aaaaaaaaaaaa0", true},
		{"1.1", false}, {"aaaaa", false}, {"sha256:", false}, {otherDigest, false}, {"", false}, {"AAAAAAAAAAAA", false},
	} {
		if got := isNamed(test.text, image); got != test.want {
			t.Errorf("%q names it: %t, want %t", test.text, got, test.want)
		}
	}
}

func TestWhatIsWrongWithTheNameOfAnImageIsSaid(t *testing.T) {
	images := []ledger.Image{{Digest: wantedDigest, Tag: "1.1.0"}, {Digest: wantedDigest, Tag: "latest"}, {Digest: otherDigest}}
	meant := "; did you mean 1.1.0 " + wantedDigest + "?"
	for text, want := range map[string]string{
		"1.2.0":               "none has this tag",
		"":                    "none has this tag, and of a digest at least six digits are wanted",
		"web:1.1.0":           "the tag or the digest is wanted alone, without the repository",
		"web@" + wantedDigest: "the tag or the digest is wanted alone, without the repository",
		"sha256:":             "none has this tag, and of a digest at least six digits are wanted",
		"aaaaa":               "none has this tag, and of a digest at least six digits are wanted" + meant,
		"sha256:b":            "none has this tag, and of a digest at least six digits are wanted; did you mean " + otherDigest + "?",
		"sha256:xyz":          "a digest is written in digits and the small letters a to f",
		"AAAAAAAAAAAA":        "a digest is written in digits and the small letters a to f" + meant,
		"cccccc":              "none has a digest that begins so",
		wantedDigest + "0":    "a digest has 64 digits, and this has 65",
	} {
		if got := misnamed(text, images); got != want {
			t.Errorf("of %q it says %q, want %q", text, got, want)
		}
	}
}

func TestNobodyGoesBackToWhatNoTaskHasRun(t *testing.T) {
	seen := sight{images: []imagepolicy.Image{{Digest: wantedDigest}, {Digest: otherDigest}}}
	seen.Record.Good = []ledger.Image{{Digest: wantedDigest, Tag: "1.1.0", Unproved: true}, {Digest: otherDigest, Tag: "1.0.0"}}
	if image, err := (&session{}).former(t.Context(), seen); err != nil || image.Digest != otherDigest {
		t.Errorf("it would go back to %+v, %v", image, err)
	}
}

func TestAnAmbiguousBeginningOfADigestIsRefused(t *testing.T) {
	images := []imagepolicy.Image{{Digest: "sha256:abcdef" + strings.Repeat("0", 58), Tags: []string{"1.0.0"}},
		{Digest: "sha256:abcdef" + strings.Repeat("1", 58), Tags: []string{"1.1.0"}}, {Digest: otherDigest, Tags: []string{"abcdef"}}}
	seen := sight{images: images, target: &rollout.Target{}}
	seen.Record.Workload = parse(t, "ecs:davit/web")
	s := &session{}
	if image, err := s.resolve(t.Context(), seen, "abcdef"); err != nil || image.Digest != otherDigest {
		t.Errorf("a tag does not go before a digest: %+v, %v", image, err)
	}
	seen.images = images[:2]
	_, err := s.resolve(t.Context(), seen, "abcdef")
	if err == nil || !strings.Contains(err.Error(), `means several images: 1.0.0 (abcdef000000), 1.1.0 (abcdef111111); give more digits, or a tag`) {
		t.Errorf("the error is %v", err)
	}
	if image, err := s.resolve(t.Context(), seen, "sha256:abcdef1"); err != nil || image.Tag != "1.1.0" {
		t.Errorf("resolved %+v, %v", image, err)
	}
}

func TestHowLongAHoldLasts(t *testing.T) {
	now := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		text string
		want time.Time
	}{
		{"", time.Time{}},
		{"90m", now.Add(90 * time.Minute)},
		{"3d", now.AddDate(0, 0, 3)},
		{"2027-01-02T08:00:00+09:00", time.Date(2027, time.January, 1, 23, 0, 0, 0, time.UTC)},
		{"2027-01-02", time.Date(2027, time.January, 2, 0, 0, 0, 0, time.Local)},
	} {
		if got, err := parseUntil(test.text, now); err != nil || !got.Equal(test.want) {
			t.Errorf("%q is until %s, %v; want %s", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"0s", "-1h", "2026-11-22T12:00:00Z", "d", "1x", "tomorrow"} {
		if got, err := parseUntil(text, now); err == nil {
			t.Errorf("%q is until %s", text, got)
		}
	}
}

func TestTheNearestNamesAreSuggestedFirst(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"web", "web", 0}, {"web", "wbe", 2}, {"web", "we", 1}, {"", "web", 3}, {"kitten", "sitting", 3}} {
		if got := distance(test.a, test.b); got != test.want || distance(test.b, test.a) != test.want {
			t.Errorf("distance of %q and %q is %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestWhoCallsIsTheLastPartOfTheARN(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:iam::123456789012:root": "root", "arn:aws:iam::123456789012:user/division/oncall": "oncall",
		"arn:aws:sts::123456789012:assumed-role/operator/operator@example.com": "operator@example.com", "": "",
	} {
		if got := lastPart(arn); got != want {
			t.Errorf("the last part of %q is %q", arn, got)
		}
	}
}

func TestOnlyReadsAreTakenForReads(t *testing.T) {
	for _, operation := range []string{"GetItem", "BatchGetItem", "Query", "DescribeServices", "ListTasks", "GetCallerIdentity"} {
		if !isRead(operation) {
			t.Errorf("%s is not taken for a read", operation)
		}
	}
	for _, operation := range []string{"PutItem", "TransactWriteItems", "UpdateService", "RegisterTaskDefinition", "SendMessageBatch",
		"PutParameter", "StopTask", "BatchWriteItem", "QueryAndDelete", ""} {
		if isRead(operation) {
			t.Errorf("%s is taken for a read", operation)
		}
	}
}

func TestCompletionOffersWhatIsSetAside(t *testing.T) {
	image := ledger.Image{Digest: wantedDigest, Tag: "1.1.0"}
	for begun, want := range map[string][]string{"": {"1.1.0\taaaaaaaaaaaa failed"}, "1": {"1.1.0\taaaaaaaaaaaa failed"},
		"sha256:a": {wantedDigest + "\taaaaaaaaaaaa failed"}, "2": nil} {
		if got := described(image, "failed", begun); !slices.Equal(got, want) {
			t.Errorf("%q is completed by %q, want %q", begun, got, want)
		}
	}
	if name := show.Image(image.Tag, image.Digest); name != "1.1.0 (aaaaaaaaaaaa)" {
		t.Errorf("the image is called %s", name)
	}
}

func TestWhatIsForgivenOfWhatARequestPassedOver(t *testing.T) {
	named, unnamed := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	record := ledger.Record{PassedOver: &ledger.PassedOver{Images: []ledger.Image{{Digest: named, Tag: "1.2.0"}}, RestBefore: time.Unix(1, 0)}}
	for name, want := range map[string]string{"": named, "1.2.0": named, named: named, unnamed: unnamed} {
		if got, err := chosen(record, name); err != nil || len(got) != 1 || got[0].Digest != want {
			t.Errorf("%q: got %+v, %v", name, got, err)
		}
	}
	if _, err := chosen(record, "1.1.0"); err == nil || !strings.Contains(err.Error(), "give the whole digest") {
		t.Errorf("a tag of the rest: %v", err)
	}
	record.PassedOver.RestBefore = time.Time{}
	if _, err := chosen(record, unnamed); err == nil || !strings.Contains(err.Error(), "is not set aside") {
		t.Errorf("a digest that nobody passed over: %v", err)
	}
}
