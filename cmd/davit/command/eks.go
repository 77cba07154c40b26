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

It gives the groups ` + eks.Group + `, ` + eks.RecoverGroup + ` and ` + eks.ScaleGroup + ` the verbs that rollouts, remedies and scaling
need and no others, and admission policies keep their changes to what carries the annotation davit/policy, davit/playbook or
davit/scaling. The functions become members of the groups by access entries of EKS.`,
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
