package edge

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"mailhint/settings"
)

// Requests that need the same document at once wait for one preparation, and later ones find it.
func TestDocumentsPrepareOnce(t *testing.T) {
	var prepared atomic.Int32
	begun, finish := make(chan struct{}), make(chan struct{})
	d := NewDocuments(func(*settings.Settings) (int32, error) {
		n := prepared.Add(1)
		if n == 1 {
			close(begun)
			<-finish
		}
		return n, nil
	})
	s := new(settings.Settings)
	var asking sync.WaitGroup
	for range 100 {
		asking.Go(func() {
			if n, err := d.Of(s); n != 1 || err != nil {
				t.Errorf("got preparation %d, %v", n, err)
			}
		})
	}
	<-begun
	close(finish)
	asking.Wait()
	if n, _ := d.Of(s); n != 1 {
		t.Errorf("prepared %d times", n)
	}
	if n, _ := d.Of(new(settings.Settings)); n != 2 {
		t.Error("other settings get the same document")
	}
}

func TestDocumentsKeepErrors(t *testing.T) {
	prepared := 0
	bad := errors.New("bad")
	d := NewDocuments(func(*settings.Settings) (string, error) {
		prepared++
		return "", bad
	})
	s := new(settings.Settings)
	for range 2 {
		if _, err := d.Of(s); err != bad {
			t.Errorf("got %v", err)
		}
	}
	if prepared != 1 {
		t.Errorf("prepared %d times", prepared)
	}
}

func TestDocumentsAreBounded(t *testing.T) {
	first := &settings.Settings{Name: "first"}
	prepared := 0
	d := NewDocuments(func(s *settings.Settings) (settings.Pattern, error) {
		if s == first {
			prepared++
		}
		return s.Name, nil
	})
	for range 3 * maxDocuments {
		if _, err := d.Of(new(settings.Settings)); err != nil {
			t.Fatal(err)
		}
		if name, err := d.Of(first); name != "first" || err != nil {
			t.Fatalf("got %q, %v", name, err)
		}
	}
	if prepared != 1 {
		t.Errorf("what is in use was prepared %d times", prepared)
	}
	if d.kept.Len() != maxDocuments || !d.kept.Contains(first) {
		t.Errorf("%d documents are kept, want %d and the one in use among them", d.kept.Len(), maxDocuments)
	}
}
