package filestore

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mailhint/edits"
)

// TestOwner: what root writes into state_dir can be read by the owner of the directory, whose service needs it, and by nobody else.
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
		stat, mode := info.Sys().(*syscall.Stat_t), info.Mode().Perm()
		if own := int(stat.Uid) == uid && mode&0o077 == 0; !own && !(int(stat.Gid) == uid && mode == 0o640) {
			t.Errorf("%s belongs to %d:%d with the mode %v; want that %d can read it, and nobody else", path, stat.Uid, stat.Gid, mode, uid)
		}
		return nil
	})
	if err != nil || count < 5 {
		t.Errorf("%d files in state_dir, %v", count, err)
	}
}

// TestForeignStateDir: whatever the service's user puts into state_dir, root writes and removes nothing elsewhere.
func TestForeignStateDir(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, who changes the configuration of a service")
	}
	const uid = 12345
	for name, attack := range map[string]func(t *testing.T, state, elsewhere string) error{
		"history": func(t *testing.T, state, elsewhere string) error {
			return replaceByLink(filepath.Join(state, "history.jsonl"), filepath.Join(elsewhere, "victim"))
		},
		"journal": func(t *testing.T, state, elsewhere string) error {
			return replaceByLink(filepath.Join(state, editsDir, journalName), filepath.Join(elsewhere, "victim"))
		},
		"temporary file": func(t *testing.T, state, elsewhere string) error {
			return replaceByLink(filepath.Join(state, editsDir, temporaryName), filepath.Join(elsewhere, "victim"))
		},
		"directory": func(t *testing.T, state, elsewhere string) error {
			return replaceByLink(filepath.Join(state, editsDir), elsewhere)
		},
		"forged journal": forgeJournal,
	} {
		t.Run(name, func(t *testing.T) {
			file := config(t)
			dir := filepath.Dir(file)
			state, elsewhere := filepath.Join(dir, "state"), filepath.Join(dir, "elsewhere")
			victim := write(t, elsewhere, "victim", "precious")
			if err := errors.Join(os.Mkdir(state, 0o700), os.Chown(state, uid, uid)); err != nil {
				t.Fatal(err)
			}
			s, err := Open(file)
			if err != nil {
				t.Fatal(err)
			}
			change := func(name string) error {
				_, err := s.Apply(t.Context(), edits.ChangeSet{Edits: []edits.Edit{{Ref: domain("a.example"), If: edits.Any, Action: edits.ActionSet, Values: edits.Values{"profile": "listed", "name": name}}}})
				return err
			}
			if err := change("1"); err != nil {
				t.Fatal(err)
			}
			if err := attack(t, state, elsewhere); err != nil {
				t.Fatal(err)
			}
			err = change("2")
			now, readErr := os.ReadFile(victim)
			if entries, dirErr := os.ReadDir(elsewhere); readErr != nil || dirErr != nil || string(now) != "precious" || len(entries) != 1 {
				t.Errorf("elsewhere is now %q (%v), and the directory has %v (%v); the change: %v", now, readErr, entries, dirErr, err)
			}
			t.Log(err)
		})
	}
}

func replaceByLink(name, target string) error {
	return errors.Join(os.RemoveAll(name), os.Symlink(target, name), os.Lchown(name, 12345, 12345))
}

// forgeJournal writes a journal as if a change had been interrupted, so that the victim would have to get its former content back.
func forgeJournal(t *testing.T, state, elsewhere string) error {
	name := filepath.Join(state, editsDir, journalName)
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	header, lines, _ := strings.Cut(string(content), "\n")
	var j journal
	if err := json.Unmarshal([]byte(header), &j); err != nil {
		return err
	}
	j.First, j.Last = j.First+1, j.Last+1
	j.Before = map[string]string{"domains.toml": j.Files["domains.toml"], "elsewhere/victim": hashOf("evil")}
	j.Files["elsewhere/victim"] = hashOf("precious")
	forged, err := json.Marshal(j)
	if err != nil {
		return err
	}
	lines = strings.ReplaceAll(lines, `"number":1`, `"number":2`)
	write(t, filepath.Join(state, editsDir), hashOf("evil"), "evil")
	return errors.Join(os.Remove(name), os.WriteFile(name, []byte(string(forged)+"\n"+lines), 0o600), os.Chown(name, 12345, 12345))
}
