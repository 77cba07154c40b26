package main

import (
	"context"
	"fmt"
	"net/url"

	"go.etcd.io/etcd/server/v3/embed"
)

// storeSocket is where etcd is reached, a socket in the working directory. etcd wants a port in its name.
const storeSocket = "unix://etcd:2379"

// startStore starts etcd and returns when it serves. Nothing is forced onto the disk: nobody needs the cluster after the
// machine has crashed.
func startStore(ctx context.Context) (stop func(), err error) {
	configuration := embed.NewConfig()
	configuration.Dir = "store"
	configuration.UnsafeNoFsync = true
	configuration.EnableGRPCGateway = false
	configuration.LogLevel = "error"
	configuration.ListenClientUrls = []url.URL{{Scheme: "unix", Host: "etcd:2379"}}
	configuration.AdvertiseClientUrls = configuration.ListenClientUrls
	configuration.ListenPeerUrls = []url.URL{{Scheme: "unix", Host: "peer:2380"}}
	configuration.AdvertisePeerUrls = configuration.ListenPeerUrls
	configuration.InitialCluster = configuration.InitialClusterFromName(configuration.Name)
	store, err := embed.StartEtcd(configuration)
	if err != nil {
		return nil, fmt.Errorf("start etcd: %w", err)
	}
	select {
	case <-store.Server.ReadyNotify():
		return store.Close, nil
	case err = <-store.Err():
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	store.Close()
	return nil, fmt.Errorf("start etcd: %w", err)
}
