package clients_test

import (
	"net/http/httptest"
	"path/filepath"
	"testing"

	"mailhint/domains"
	"mailhint/edge/edgetest"
)

// The whole server answers the scripts of each format as the format's own handler does.
func TestEdgeScripts(t *testing.T) {
	for _, format := range []string{"autoconfig", "autodiscover", "mobileconfig", "pacc", "wellknown"} {
		t.Run(format, func(t *testing.T) {
			folder := filepath.Join("..", format, "testdata")
			snapshot, err := domains.Load(filepath.Join(folder, "edge.toml"))
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewServer(newServer(t, snapshot, snapshot.Server).Handler(false))
			defer s.Close()
			edgetest.LiveScript(t, folder, s.URL)
		})
	}
}
