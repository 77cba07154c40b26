package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// serveAPI runs kube-apiserver on the listener; what comes is how it ended, without an error if it was told to.
//
// The command of kube-apiserver is not used, as it takes over the signals of the process.
func serveAPI(ctx context.Context, listener net.Listener, files credentials) <-chan error {
	ended := make(chan error, 1)
	go func() {
		if err := runAPI(ctx, listener, files); err != nil && ctx.Err() == nil {
			ended <- fmt.Errorf("serve the API: %w", err)
			return
		}
		if ctx.Err() == nil {
			ended <- errors.New("serve the API: it ended by itself")
			return
		}
		ended <- nil
	}()
	return ended
}

func runAPI(ctx context.Context, listener net.Listener, files credentials) error {
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	settings := apiserver.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	sets := settings.Flags()
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(apiFlags(files)); err != nil {
		return err
	}
	settings.SecureServing.Listener = listener
	settings.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	if err := settings.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := settings.Complete(ctx)
	if err != nil {
		return err
	}
	if problems := completed.Validate(); len(problems) > 0 {
		return errors.Join(problems...)
	}
	return app.Run(ctx, completed)
}

// apiFlags are the flags of kube-apiserver. Pods run nowhere, so they need no service account, and no taint of a node
// that is not ready yet.
func apiFlags(files credentials) []string {
	return []string{
		"--etcd-servers=" + storeSocket,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--tls-cert-file=" + files.certificate,
		"--tls-private-key-file=" + files.key,
		"--token-auth-file=" + files.tokens,
		"--authentication-token-webhook-config-file=" + files.reviews,
		"--authentication-token-webhook-version=v1",
		// A change of an access entry is seen at once, or nearly.
		"--authentication-token-webhook-cache-ttl=1s",
		"--authorization-mode=RBAC",
		"--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.100.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + files.key,
		"--service-account-key-file=" + files.key,
		"--profiling=false",
	}
}

// awaitAPI returns when the API server says that it is ready.
func awaitAPI(ctx context.Context, client kubernetes.Interface) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, readyDeadline, true, func(ctx context.Context) (bool, error) {
		var status int
		last = client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status).Error()
		return last == nil && status == http.StatusOK, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the API: %w", errors.Join(err, last))
	}
	return nil
}
