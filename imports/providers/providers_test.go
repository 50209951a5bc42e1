package providers

import (
	"errors"
	"testing"

	"mailhint/domains"
	"mailhint/imports"
)

func TestNeedsFiles(t *testing.T) {
	c := imports.New(func(domains.Position, string) {})
	if err := Read(c, []string{t.TempDir()}); err == nil || errors.Is(err, imports.ErrUnread) {
		t.Errorf("got %v for a directory without provider files", err)
	}
	if err := Read(c, []string{"nowhere"}); !errors.Is(err, imports.ErrUnread) {
		t.Errorf("got %v for a file that does not exist", err)
	}
}
