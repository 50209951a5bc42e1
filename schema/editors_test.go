package schema

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notExpressible are files of ../domains/testdata/bad that the schema cannot refuse, with the reason.
var notExpressible = map[string]string{
	"alias-twice.toml":                  "upper and lower case are the same name",
	"alias-under-wildcard.toml":         "compares names of tables",
	"domains-file-wrong/domains.toml":   "the mistake is in another file",
	"fallback-profile.toml":             "refers to another table",
	"imap-without-smtp.toml":            "smtp could be in [defaults] of another file",
	"include-broken/domains.toml":       "the mistake is in another file",
	"include-main-only/domains.toml":    "the mistake is in another file",
	"include/domains.toml":              "looks for files",
	"login-lookup.toml":                 "refers to another table",
	"logo/domains.toml":                 "looks into files",
	"mistake-of-a-profile.toml":         "smtp and allow_plaintext could be in [defaults]",
	"name-twice-unicode.toml":           "two spellings of a name",
	"name-twice-wildcard.toml":          "two spellings of a name",
	"name-twice.toml":                   "two spellings of a name",
	"name-wildcard-public-suffix.toml":  "needs the list of public suffixes",
	"network-host-bits.toml":            "needs arithmetic",
	"no-domain.toml":                    "an included file need not define a domain",
	"no-settings.toml":                  "servers could be in [defaults] of another file",
	"plaintext-for-all.toml":            "allow_plaintext could be in [defaults] of another file",
	"pop3-without-smtp.toml":            "smtp could be in [defaults] of another file",
	"profile-incomplete.toml":           "servers could be in [defaults] of another file",
	"profile-none.toml":                 "refers to another table",
	"profile-unknown.toml":              "refers to another table",
	"profile-without-settings.toml":     "refers to another table",
	"redirect-to-itself.toml":           "compares a URL with the name of a table",
	"rule-profile.toml":                 "refers to another table",
	"server-certificates-and-keys.toml": "compares the lengths of two lists",
	"server-listen-twice-admin.toml":    "compares addresses of several keys",
	"server-listen-twice-every.toml":    "port 0 may be there twice, and an address without a host is every address",
	"server-listen-twice-local.toml":    "compares addresses of several keys",
	"server-twice.toml":                 "a host name stands for two servers, one of which is also there as a URL",
	"smtp-without-imap.toml":            "imap could be in [defaults] of another file",
	"twice-in-two-files/domains.toml":   "compares two files",
	"users-file-missing/domains.toml":   "looks for files",
	"users-file-wrong/domains.toml":     "the mistake is in another file",
	"users-file/domains.toml":           "the mistake is in another file",
}

// editor is a tool with which editors check TOML files by a schema.
type editor struct {
	name string
	// check returns the files with mistakes.
	check func(t *testing.T, dir string, files []string) []string
	// cannot are good files that the tool refuses whatever the schema says, with the reason.
	cannot map[string]string
}

var editors = []editor{
	{"taplo", taplo, map[string]string{
		"good/byte-order-mark.toml": "does not know byte order marks",
		"good/toml-1.1.toml":        "does not know TOML 1.1",
	}},
	{"tombi", tombi, map[string]string{
		"good/byte-order-mark.toml": "does not know byte order marks",
	}},
}

// tool returns the path of a tool that the Makefile has installed.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("../build/tools/npm/node_modules/.bin/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not installed: make npm", name)
	}
	return path
}

// run returns what a tool prints. It must not reach for anything outside.
func run(t *testing.T, dir, name string, args ...string) (output string, ok bool) {
	t.Helper()
	if name == "tombi" {
		args = append(args, "--offline", "--no-cache")
	}
	cmd := exec.Command(tool(t, name), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "HOME="+dir, "RUST_LOG=warn")
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out), err == nil
}

var taploRefuses = regexp.MustCompile(`invalid file .*path="([^"]+)"`)

func taplo(t *testing.T, dir string, files []string) (refused []string) {
	t.Helper()
	out, ok := run(t, dir, "taplo", append([]string{"lint", "--colors", "never", "--no-auto-config"}, files...)...)
	for _, m := range taploRefuses.FindAllStringSubmatch(out, -1) {
		name, err := filepath.Rel(dir, m[1])
		if err != nil {
			t.Fatal(err)
		}
		refused = append(refused, name)
	}
	if ok != (refused == nil) {
		t.Fatalf("taplo: %v, but of these files: %q\n%s", ok, refused, out)
	}
	return refused
}

var tombiRefuses = regexp.MustCompile(`(?m)^ +at ([^ \n]+?):\d+:\d+$`)

func tombi(t *testing.T, dir string, files []string) (refused []string) {
	t.Helper()
	out, ok := run(t, dir, "tombi", append([]string{"lint"}, files...)...)
	for _, m := range tombiRefuses.FindAllStringSubmatch(out, -1) {
		if !slices.Contains(refused, m[1]) {
			refused = append(refused, m[1])
		}
	}
	if ok && refused != nil {
		t.Fatalf("tombi found nothing, but prints\n%s", out)
	}
	if !ok && len(files) > 1 { // it does not say which files it cannot read, such as those that are not UTF-8
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(text, bytes.ToValidUTF8(text, nil)) {
				continue
			}
			if _, ok := run(t, dir, "tombi", "lint", file); !ok {
				refused = append(refused, file)
			}
		}
	}
	return refused
}

// Both tools find every mistake in the bad files that a schema can express, and none in the good ones. They are given the schema as users do:
// in the first line of each file.
func TestEditors(t *testing.T) {
	dir := t.TempDir()
	text, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "domains.schema.json"), text)
	good := copyFiles(t, dir, "good/*.toml", "good/*/domains.toml", "good/*/*.d/*.toml", "good/*/other.toml")
	good = append(good, copyExample(t, dir)...)
	bad := copyFiles(t, dir, "bad/*.toml", "bad/*/domains.toml")
	if len(good) < 20 || len(bad) < 100 {
		t.Fatalf("only %d good and %d bad files", len(good), len(bad))
	}
	for name := range notExpressible {
		if !slices.Contains(bad, "bad/"+name) {
			t.Errorf("there is no bad/%s", name)
		}
	}
	for _, e := range editors {
		t.Run(e.name, func(t *testing.T) {
			tool(t, e.name)
			refused := e.check(t, dir, slices.Concat(good, bad))
			for _, file := range good {
				reason := e.cannot[file]
				switch is := slices.Contains(refused, file); {
				case is && reason == "":
					out, _ := run(t, dir, e.name, "lint", file)
					t.Errorf("%s is refused:\n%s", file, out)
				case !is && reason != "":
					t.Errorf("%s is accepted, although %s %s", file, e.name, reason)
				}
			}
			for _, file := range bad {
				reason := notExpressible[strings.TrimPrefix(file, "bad/")]
				switch is := slices.Contains(refused, file); {
				case !is && reason == "":
					t.Errorf("%s is accepted", file)
				case is && reason != "":
					t.Errorf("%s is refused, although it is listed as one that cannot be: it %s", file, reason)
				}
			}
		})
	}
}

// What the tools say names the key, the place and the alternatives.
func TestEditorsExplain(t *testing.T) {
	dir := t.TempDir()
	text, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "domains.schema.json"), text)
	write(t, filepath.Join(dir, "domains.toml"), []byte("#:schema ./domains.schema.json\n[server]\ntsl = \"off\"\n"))
	for _, e := range editors {
		t.Run(e.name, func(t *testing.T) {
			out, ok := run(t, dir, e.name, "lint", "domains.toml")
			if ok || !strings.Contains(out, "tsl") || !strings.Contains(out, "domains.toml:3:") {
				t.Errorf("%v: %s", ok, out)
			}
		})
	}
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// copyFiles copies files of ../domains/testdata, and names the schema in the first line of each. It returns their names.
func copyFiles(t *testing.T, dir string, patterns ...string) (names []string) {
	t.Helper()
	const testdata = "../domains/testdata"
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(testdata, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			name, err := filepath.Rel(testdata, file)
			if err != nil {
				t.Fatal(err)
			}
			copyFile(t, file, filepath.Join(dir, name), strings.Repeat("../", strings.Count(filepath.ToSlash(name), "/")))
			names = append(names, filepath.ToSlash(name))
		}
	}
	return names
}

func copyFile(t *testing.T, from, to, up string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	line := "#:schema " + up + "domains.schema.json\n"
	switch {
	case bytes.HasPrefix(text, []byte("\uFEFF")): // stays in front
		text = bytes.Replace(text, []byte("\uFEFF"), []byte("\uFEFF"+line), 1)
	case bytes.HasPrefix(text, []byte("\xff\xfe")): // UTF-16 has no such line
	default:
		text = append([]byte(line), text...)
	}
	write(t, to, text)
}

// copyExample copies the example in docs, and the configuration in the root.
func copyExample(t *testing.T, dir string) []string {
	t.Helper()
	names := map[string]string{"../docs/example/domains.toml": "example.toml", "../domains.toml": "root.toml"}
	for from, name := range names {
		copyFile(t, from, filepath.Join(dir, name), "./")
	}
	return []string{"example.toml", "root.toml"}
}
