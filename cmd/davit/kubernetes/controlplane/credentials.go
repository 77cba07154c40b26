package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// administrator is who the token in the kubeconfig acts for: a member of system:masters, whom RBAC lets do everything.
const administrator = "kubernetes-admin"

// credentials are the names of the files, below the working directory, and the administrator's token.
type credentials struct {
	authority, certificate, key string
	tokens, reviews             string
	token                       string
}

// writeCredentials makes an authority of the cluster's own, a certificate of the API server by it, and a token of the
// administrator. The API server signs tokens of service accounts with the key of its certificate.
func writeCredentials() (credentials, error) {
	files := credentials{
		authority: "ca.crt", certificate: "apiserver.crt", key: "apiserver.key", tokens: "tokens.csv", reviews: "reviews.yaml",
		token: rand.Text(),
	}
	if err := files.writeCertificates(time.Now()); err != nil {
		return credentials{}, fmt.Errorf("make the certificates of the cluster: %w", err)
	}
	line := fmt.Sprintf("%s,%s,%s,system:masters\n", files.token, administrator, administrator)
	return files, os.WriteFile(files.tokens, []byte(line), 0o600)
}

func (c credentials) writeCertificates(now time.Time) error {
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeCertificate(c.authority, authority, authority, &authorityKey.PublicKey, authorityKey); err != nil {
		return err
	}
	if err := writeCertificate(c.certificate, server, authority, &serverKey.PublicKey, authorityKey); err != nil {
		return err
	}
	encoded, err := x509.MarshalECPrivateKey(serverKey)
	if err != nil {
		return err
	}
	return os.WriteFile(c.key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: encoded}), 0o600)
}

func writeCertificate(path string, template, issuer *x509.Certificate, key *ecdsa.PublicKey, issuerKey *ecdsa.PrivateKey) error {
	encoded, err := x509.CreateCertificate(rand.Reader, template, issuer, key, issuerKey)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encoded}), 0o600)
}

// client is how the parts of the cluster call the API: as the administrator and as fast as they can.
func (c credentials) client(address net.Addr) *rest.Config {
	return &rest.Config{
		Host: "https://" + address.String(), BearerToken: c.token, TLSClientConfig: rest.TLSClientConfig{CAFile: c.authority},
		QPS: -1,
	}
}

// serveReviews serves the reviewer of tokens on a port of its own, and tells the API server where.
func (c credentials) serveReviews(reviewer http.Handler) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve token reviews: %w", err)
	}
	server := &http.Server{Handler: reviewer, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // it serves until the process ends; without it tokens are refused
	configuration := clientcmdapi.NewConfig()
	configuration.Clusters["reviewer"] = &clientcmdapi.Cluster{Server: "http://" + listener.Addr().String()}
	configuration.AuthInfos["apiserver"] = &clientcmdapi.AuthInfo{}
	configuration.Contexts["reviewer"] = &clientcmdapi.Context{Cluster: "reviewer", AuthInfo: "apiserver"}
	configuration.CurrentContext = "reviewer"
	return clientcmd.WriteToFile(*configuration, c.reviews)
}

// writeKubeconfig writes the administrator's kubeconfig, whole or not at all.
func (c credentials) writeKubeconfig(server string) error {
	authority, err := os.ReadFile(c.authority)
	if err != nil {
		return err
	}
	configuration := clientcmdapi.NewConfig()
	configuration.Clusters["davit"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: authority}
	configuration.AuthInfos[administrator] = &clientcmdapi.AuthInfo{Token: c.token}
	configuration.Contexts["davit"] = &clientcmdapi.Context{Cluster: "davit", AuthInfo: administrator}
	configuration.CurrentContext = "davit"
	const unfinished, finished = "kubeconfig.part", "kubeconfig"
	if err := clientcmd.WriteToFile(*configuration, unfinished); err != nil { // for its owner alone
		return err
	}
	return os.Rename(unfinished, finished)
}
