package tomledit

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// FuzzChange changes each table of a text, and the tables in it. What the texts mean is asked of the decoder, for the text as a whole.
func FuzzChange(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(generate(rand.New(rand.NewPCG(seed, 1))).text(), "imap", "new")
	}
	f.Add("a = {b = {c = 1, d = [1, 2]}}\n", "c", "x")
	f.Add("[a]\nb.c = 1\n[a.b.d]\n[[a.e]]\n[[a.e.f]]\n", "e", "\n")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		if len(text) > 4000 || strings.Count(text, ".") > 200 || strings.Count(text, "{")+strings.Count(text, "[") > 200 {
			return // the decoder is slow with texts that package domains would refuse
		}
		tree, err := decode(text)
		if err != nil || !reflect.DeepEqual(tree, tree) { // nan
			return
		}
		if _, err := normal(value); err != nil {
			return
		}
		if _, err := normal(key); err != nil {
			return
		}
		for _, first := range slices.Sorted(maps.Keys(tree)) {
			fuzzTable(t, text, []string{first}, key, value)
			inner, _ := tree[first].(map[string]any)
			for _, second := range slices.Sorted(maps.Keys(inner)) {
				fuzzTable(t, text, []string{first, second}, key, value)
			}
		}
	})
}

func fuzzTable(t *testing.T, text string, path []string, key, value string) {
	t.Helper()
	set := func(table map[string]any) map[string]any {
		table = maps.Clone(table)
		table[key] = value
		return table
	}
	remove := func(map[string]any) map[string]any { return nil }
	r, err := Set([]byte(text), path, []Member{{key, value}})
	fuzzResult(t, text, path, r, err, set)
	r, err = Remove([]byte(text), path)
	fuzzResult(t, text, path, r, err, remove)
	if entry, err := Extract([]byte(text), path); err == nil {
		if r, err := Replace([]byte(text), path, entry); err != nil || string(r.Text) != text {
			t.Errorf("Replace(Extract(%q)): %v\n%s\n----- text\n%s", path, err, r.Text, text)
		}
	}
}

// fuzzResult checks a result: it means what the text means, except for one table, and can be reverted.
func fuzzResult(t *testing.T, text string, path []string, r Result, err error, change func(map[string]any) map[string]any) {
	t.Helper()
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v\n%s", path, err, text)
		}
		return
	}
	tree, _ := decode(text)
	around := tree
	for _, part := range path[:len(path)-1] {
		around = around[part].(map[string]any)
	}
	last := path[len(path)-1]
	wanted := change(around[last].(map[string]any))
	delete(around, last)
	if wanted != nil {
		around[last] = wanted
	}
	got, err := decode(string(r.Text))
	if err != nil {
		t.Fatalf("%q: %v\n%s\n----- text\n%s", path, err, r.Text, text)
	}
	if wanted == nil { // tables around it may have gone too
		take(got, path)
		take(tree, path)
	}
	if !bytes.Equal(appendValue(nil, got), appendValue(nil, tree)) {
		t.Fatalf("%q: the result means\n%v\nnot\n%v\n%s\n----- text\n%s", path, got, tree, r.Text, text)
	}
	back, err := Revert(r.Text, r.Undo)
	if err != nil || string(back.Text) != text {
		t.Fatalf("%q reverted: %v\n%s\n----- text\n%s", path, err, back.Text, text)
	}
}
