package tomledit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestTestdata runs the files in testdata. Each has a text before and after a change, or the error. The first line of "change" is what to do:
//
//	set PATH             then keys and values; "key =" removes a key
//	add PATH [SIBLING]   then keys and values
//	remove PATH
//	replace PATH         then the new text
//	extract PATH         "after" is the extracted text
//
// Every change is also reverted.
func TestTestdata(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			parts := make(map[string]string)
			for _, f := range txtar.Parse(data).Files {
				parts[f.Name] = string(f.Data)
			}
			got, err := runChange(t, parts["before"], parts["change"])
			if want, ok := parts["error"]; ok {
				if err == nil || err.Error() != strings.TrimSpace(want) {
					t.Errorf("error %v, want %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got != parts["after"] {
				t.Errorf("got:\n%s\nwant:\n%s", got, parts["after"])
			}
		})
	}
}

func runChange(t *testing.T, before, change string) (string, error) {
	t.Helper()
	first, body, _ := strings.Cut(change, "\n")
	operation, rest, _ := strings.Cut(first, " ")
	spelled, sibling, _ := strings.Cut(rest, " ")
	path := parsePath(t, spelled)
	var r Result
	var err error
	switch operation {
	case "set":
		r, err = Set([]byte(before), path, parseMembers(t, body))
	case "add":
		r, err = Add([]byte(before), path, parseMembers(t, body), sibling)
	case "remove":
		r, err = Remove([]byte(before), path)
	case "replace":
		r, err = Replace([]byte(before), path, []byte(body))
	case "extract":
		text, err := Extract([]byte(before), path)
		return string(text), err
	default:
		t.Fatalf("unknown operation %q", operation)
	}
	if err != nil {
		return "", err
	}
	back, err := Revert(r.Text, r.Undo)
	if err != nil || string(back.Text) != before {
		t.Errorf("reverted: %v\n%s", err, back.Text)
	}
	return string(r.Text), nil
}

func parsePath(t *testing.T, spelled string) []string {
	t.Helper()
	var path []string
	var tree map[string]any
	if _, err := toml.Decode("["+spelled+"]", &tree); err != nil {
		t.Fatal(err)
	}
	for len(tree) > 0 {
		for key, value := range tree {
			path = append(path, key)
			tree = value.(map[string]any)
		}
	}
	return path
}

// parseMembers reads keys and values in their order.
func parseMembers(t *testing.T, text string) []Member {
	t.Helper()
	var members []Member
	var values map[string]any
	kept := ""
	for line := range strings.Lines(text) {
		if key, ok := strings.CutSuffix(strings.TrimSpace(line), " ="); ok {
			members = append(members, Member{Key: key})
		} else {
			kept += line
		}
	}
	meta, err := toml.Decode(kept, &values)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range meta.Keys() {
		if len(key) == 1 {
			members = append(members, Member{key[0], values[key[0]]})
		}
	}
	return members
}
