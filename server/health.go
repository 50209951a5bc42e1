package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"mailhint/untrusted"
)

// Health is what a running server says about itself.
type Health struct {
	// Good is true if it is healthy, or ready.
	Good bool
	// Text is what it says, safe to show.
	Text string
}

// AskHealth asks the server with an admin address whether it runs, or with ready whether it should get requests, for at most five seconds. An
// error means that nobody answers there.
func AskHealth(ctx context.Context, admin string, ready bool) (Health, error) {
	address, why := dialAddress(admin)
	if why != "" {
		return Health{}, fmt.Errorf("%s; write an address such as admin = \"127.0.0.1:8081\"", why)
	}
	path := "/-/healthz"
	if ready {
		path = "/-/readyz"
	}
	ctx, cancel := context.WithTimeout(ctx, awaitAtMost)
	defer cancel()
	u := url.URL{Scheme: "http", Host: address, Path: path}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Health{}, err
	}
	response, err := adminClient.Do(request)
	if err != nil {
		return Health{}, fmt.Errorf("no server answers at %s (admin in [server]): %w", address, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxReading))
	if err != nil {
		return Health{}, fmt.Errorf("the server at %s stopped answering: %w", address, err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	if first != "ok" && first != "ready" && !strings.HasPrefix(first, "not ready") {
		return Health{}, fmt.Errorf("what answers at %s (admin in [server]) is not mailhint: status %d", address, response.StatusCode)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, untrusted.Clip(strings.TrimSuffix(line, "\n"), maxPartLine))
	}
	return Health{response.StatusCode == http.StatusOK, strings.Join(lines, "\n") + "\n"}, nil
}
