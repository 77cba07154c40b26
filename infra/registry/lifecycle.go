package registry

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecr"
	"github.com/aws/jsii-runtime-go"

	"davit/infra/config"
)

// lastingDays is how old an image must be for a rule that keeps images to delete one: a hundred years.
const lastingDays = 36500

// lifecycle are the repository's rules, in the order of their priority. What a service may run, or be put back to, is
// never deleted, because of what ECR says of its rules ("Lifecycle policies" in the ECR user guide): an image that
// matches the tagging requirements of one rule cannot be deleted by a rule of lower priority. So the first rules match
// every tag by which a service of the configuration can choose an image, and delete nothing for a hundred years. The rule
// on untagged images comes where no such tag can move, as config.Repository.ExpireUntaggedDays is checked.
//
// An image of a manifest list is safe for as long as its list is there.
func lifecycle(configuration *config.Configuration, settings config.Repository) *[]*awsecr.LifecycleRule {
	var rules []*awsecr.LifecycleRule
	if len(settings.Expire) > 0 {
		for _, form := range configuration.KeptTags(settings.Name) {
			rules = append(rules, tagged(form, "Images that services run stay.", &awsecr.LifecycleRule{
				MaxImageAge: awscdk.Duration_Days(jsii.Number(lastingDays)),
			}))
		}
	}
	for _, expiry := range settings.Expire {
		rules = append(rules, expire(expiry))
	}
	if days := *settings.ExpireUntaggedDays; days > 0 {
		rules = append(rules, &awsecr.LifecycleRule{
			Description: jsii.String(fmt.Sprintf("Images without a tag go after %d days.", days)),
			TagStatus:   awsecr.TagStatus_UNTAGGED,
			MaxImageAge: awscdk.Duration_Days(jsii.Number(days)),
		})
	}
	for i, rule := range rules {
		rule.RulePriority = jsii.Number(i + 1)
	}
	if len(rules) == 0 {
		return nil
	}
	return &rules
}

func expire(expiry config.Expiry) *awsecr.LifecycleRule {
	if expiry.Days > 0 {
		return tagged(expiry.Tags, fmt.Sprintf("They go after %d days.", expiry.Days), &awsecr.LifecycleRule{
			MaxImageAge: awscdk.Duration_Days(jsii.Number(expiry.Days)),
		})
	}
	return tagged(expiry.Tags, fmt.Sprintf("The newest %d stay.", expiry.Keep), &awsecr.LifecycleRule{
		MaxImageCount: jsii.Number(expiry.Keep),
	})
}

// tagged makes a rule on images that have a tag of the form. ECR wants every pattern of a rule matched, hence one each.
func tagged(form, description string, rule *awsecr.LifecycleRule) *awsecr.LifecycleRule {
	rule.Description = jsii.String(description)
	rule.TagStatus = awsecr.TagStatus_TAGGED
	rule.TagPatternList = jsii.Strings(form)
	return rule
}
