// Command web is the small static web server that the local cloud deploys: it says which version it is. It is built
// into an image with nothing else in it, so it also checks itself, for lack of a shell and of curl.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// defaultPort is where the server listens unless PORT says otherwise.
const defaultPort = "8080"

func main() {
	check := flag.Bool("check", false, "ask the server of this container for its page, print it and exit")
	fail := flag.Bool("fail", false, "exit with code 1 at once, as a broken build does")
	flag.Parse()
	if err := run(*check, *fail); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

func run(check, fail bool) error {
	port := os.Getenv("PORT")
	if port == "" {
		port = defaultPort
	}
	if fail {
		return errors.New("this version is broken on purpose: it exits at once")
	}
	if check {
		return ask(net.JoinHostPort("127.0.0.1", port))
	}
	// As the first process of a container it ends on a signal only if it asks for it (pid_namespaces(7)).
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return serve(ctx, net.JoinHostPort("", port), os.Getenv("WEB_VERSION"))
}

// serve answers until the context ends.
func serve(ctx context.Context, address, version string) error {
	server := &http.Server{
		Addr: address, Handler: handler(version),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
	}
	grow := make(chan os.Signal, 1)
	signal.Notify(grow, syscall.SIGUSR1)
	defer signal.Stop(grow)
	go fill(grow)
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	fmt.Printf("web %s listens on %s\n", version, address)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return server.Shutdown(patience)
}

// needed is how much memory the server uses once SIGUSR1 has asked for it, in bytes: more than 512 MiB, less than 1 GiB.
const needed = 700 << 20

// fill uses memory for good when it is asked to, as a server with a leak does.
func fill(asked <-chan os.Signal) {
	for range asked {
		pages := make([]byte, needed)
		for at := 0; at < len(pages); at += 4096 {
			pages[at] = 1
		}
		kept = append(kept, pages)
	}
}

// kept is the memory that fill uses.
var kept [][]byte

// handler serves the page and the health check.
func handler(version string) http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(answer http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(answer, "ok\n")
	})
	routes.HandleFunc("GET /", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprintf(answer, "web %s\n", version)
	})
	return routes
}

// ask prints the page of the server at the address; anything but 200 is an error.
func ask(address string) error {
	client := &http.Client{Timeout: 3 * time.Second}
	response, err := client.Get("http://" + address + "/") // #nosec G704 -- the port on this container's own loopback.
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	page, err := io.ReadAll(io.LimitReader(response.Body, 1024))
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("check: the server answers %s: %s", response.Status, page)
	}
	fmt.Print(string(page))
	return nil
}
