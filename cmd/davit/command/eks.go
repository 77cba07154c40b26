package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"davit/shared/workload/eks"
)

func eksCommand() *cobra.Command {
	group := &cobra.Command{
		Use:     "eks",
		GroupID: groupLook,
		Short:   "Show what davit needs in a Kubernetes cluster",
	}
	group.AddCommand(&cobra.Command{
		Use:   "rbac",
		Short: "Write the manifest that lets davit's functions in",
		Long: `Write the manifest that lets davit's functions in, for an administrator of a cluster to read and apply.

It gives the group ` + eks.Group + ` the verbs that rollouts need and no others, and an admission policy keeps its changes to
workloads that carry the annotation davit/policy. The functions become members of the group by an access entry of EKS.`,
		Example: `  davit eks rbac | kubectl apply -f -
  aws eks create-access-entry --cluster-name CLUSTER --principal-arn ROLE --kubernetes-groups ` + eks.Group,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(command.OutOrStdout(), eks.Access)
			return err
		},
	})
	return group
}
