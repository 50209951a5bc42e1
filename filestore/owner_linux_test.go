package filestore

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"mailhint/edits"
)

// TestOwner: what root writes into state_dir belongs to the owner of the directory, whose service must be able to read it, and only that user can.
func TestOwner(t *testing.T) {
	t.Parallel()
	file := config(t)
	state := filepath.Join(filepath.Dir(file), "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	uid := os.Getuid()
	if uid == 0 {
		uid = 12345
		if err := os.Chown(state, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	apply(t, openStore(t, file), edits.Edit{Ref: domain("a.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "listed"}})
	count := 0
	err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		count++
		if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != uid || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s belongs to %d with the mode %v, want %d and nobody else", path, owner, info.Mode(), uid)
		}
		return nil
	})
	if err != nil || count < 5 {
		t.Errorf("%d files in state_dir, %v", count, err)
	}
}
