package access

import (
	"context"
	"fmt"

	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// policyRoles are the cluster roles of Kubernetes that come nearest to EKS's access policies.
var policyRoles = map[string]string{
	"AmazonEKSClusterAdminPolicy": "cluster-admin",
	"AmazonEKSAdminPolicy":        "admin",
	"AmazonEKSEditPolicy":         "edit",
	"AmazonEKSViewPolicy":         "view",
}

// BindPolicies lets the groups that stand for EKS's access policies do what the policies say. EKS has an authorizer of
// its own for that; here a policy holds for the whole cluster or not at all.
func BindPolicies(ctx context.Context, client kubernetes.Interface) error {
	for policy, role := range policyRoles {
		binding := &rbac.ClusterRoleBinding{
			ObjectMeta: meta.ObjectMeta{Name: policyGroup(policy)},
			RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbac.Subject{{APIGroup: rbac.GroupName, Kind: rbac.GroupKind, Name: policyGroup(policy)}},
		}
		if _, err := client.RbacV1().ClusterRoleBindings().Create(ctx, binding, meta.CreateOptions{}); err != nil {
			return fmt.Errorf("bind %s: %w", policy, err)
		}
	}
	return nil
}

func policyGroup(policy string) string { return "eks:access-policy:" + policy }
