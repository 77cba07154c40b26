// Package eks is the command line of Kubernetes clusters: what davit needs in one.
package eks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"davit/shared/workload/eks"
)

// Command is `davit eks` with its subcommands.
func Command() *cobra.Command {
	parent := &cobra.Command{
		Use:     "eks",
		Short:   "Show what davit needs in a Kubernetes cluster",
		Example: "  davit eks rbac | kubectl apply -f -",
	}
	parent.AddCommand(rbacCommand())
	return parent
}

func rbacCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "rbac",
		Short: "Write the manifest that lets davit's functions in",
		Long: `Write the manifest that lets davit's functions in, for an administrator of a cluster to read and apply.

It gives the groups ` + eks.Group + `, ` + eks.RecoverGroup + ` and ` + eks.ScaleGroup + ` the verbs that rollouts, remedies and scaling
need and no others, and admission policies keep their changes to what carries the annotation davit/policy, davit/playbook or
davit/scaling. The functions become members of the groups by access entries of EKS.`,
		Example: `  davit eks rbac | kubectl apply -f -
  aws eks create-access-entry --cluster-name CLUSTER --principal-arn ROLE --kubernetes-groups ` + eks.Group,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(command *cobra.Command, _ []string) error {
			if asJSON {
				return writeList(command.OutOrStdout(), eks.Access)
			}
			_, err := fmt.Fprint(command.OutOrStdout(), eks.Access)
			return err
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "write it as one JSON object, a List, which kubectl takes too")
	return command
}

// writeList writes the documents of a manifest as a List of Kubernetes.
func writeList(to io.Writer, manifest string) error {
	items := []map[string]any{}
	documents := yaml.NewDecoder(bytes.NewBufferString(manifest))
	for {
		var item map[string]any
		switch err := documents.Decode(&item); {
		case errors.Is(err, io.EOF):
			encoder := json.NewEncoder(to)
			encoder.SetIndent("", "  ")
			return encoder.Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
		case err != nil:
			return fmt.Errorf("read the manifest: %w", err)
		}
		items = append(items, item)
	}
}
