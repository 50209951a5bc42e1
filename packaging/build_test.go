package main

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// testVersion is the version of the packages that the tests build. All of them are built once.
const testVersion = "v1.2.3"

var (
	once      sync.Once
	built     string // the directory with what was built
	buildText string // why it failed
)

func TestMain(m *testing.M) {
	if err := os.Chdir(".."); err != nil { // packaging runs in the root
		panic(err)
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(filepath.Dir(built))
	}
	os.Exit(code)
}

// nfpm returns the path of the program that makes packages.
func nfpm(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("build/tools/nfpm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("nfpm is not installed: make build/tools/nfpm")
	}
	return path
}

func program(t *testing.T, name, debian string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed: apt-get install %s", name, debian)
	}
}

// packages builds everything for this machine, and returns the directory.
func packages(t *testing.T) string {
	t.Helper()
	tool := nfpm(t)
	once.Do(func() {
		dir, err := os.MkdirTemp("", "packaging-test-")
		if err != nil {
			t.Fatal(err)
		}
		built = filepath.Join(dir, "one")
		buildText = build(".", built, tool)
	})
	if buildText != "" {
		t.Fatal(buildText)
	}
	return built
}

// build runs the program in a directory with the sources, and returns an error text.
func build(sources, out, nfpm string, env ...string) string {
	cmd := exec.Command("go", "run", "./packaging", "-version", testVersion, "-arch", runtime.GOARCH, "-out", out, "-nfpm", nfpm)
	cmd.Dir = sources
	cmd.Env = append(append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000"), env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Sprintf("go run ./packaging: %v\n%s", err, text)
	}
	return ""
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// output runs a program that must succeed.
func mustRun(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Two builds in different directories, with other time zones and permissions, are equal to the byte.
func TestReproducible(t *testing.T) {
	one := packages(t)
	sources := filepath.Join(filepath.Dir(one), "elsewhere", "copy")
	list, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		info, err := os.Stat(name)
		if os.IsNotExist(err) { // removed and not yet committed
			continue
		}
		if err != nil || info.IsDir() {
			t.Fatal(name, err)
		}
		to := filepath.Join(sources, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, read(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text := build(sources, "other/out", nfpm(t), "TZ=Asia/Tokyo", "LC_ALL=C", "USER=somebody"); text != "" {
		t.Fatal(text)
	}
	a, b := read(t, filepath.Join(one, "SHA256SUMS")), read(t, filepath.Join(sources, "other/out/SHA256SUMS"))
	if len(bytes.Split(a, []byte("\n"))) < 5 || !bytes.Equal(a, b) {
		t.Errorf("two builds differ:\n%s\n%s", a, b)
	}
	for _, file := range []string{"usr/bin/mailhint", "etc/passwd"} {
		if !bytes.Equal(read(t, filepath.Join(one, "image", runtime.GOARCH, file)), read(t, filepath.Join(sources, "other/out/image", runtime.GOARCH, file))) {
			t.Errorf("%s of the images differs", file)
		}
	}
}

// The archive has what the README promises, and its program needs nothing of the system.
func TestArchive(t *testing.T) {
	dir := packages(t)
	base := "mailhint_" + testVersion + "_linux_" + runtime.GOARCH
	files := strings.Fields(mustRun(t, "tar", "-tzf", filepath.Join(dir, base+".tar.gz")))
	for _, want := range []string{
		"mailhint", "LICENSE", "THIRD-PARTY-LICENSES", "README.md", "CHANGELOG.md", "docs/example/domains.toml", "docs/start.md", "domains.schema.json", "man/mailhint.1.gz", "man/mailhint.5.gz",
		"completion/mailhint", "completion/_mailhint", "completion/mailhint.fish", "deploy/mailhint.service", "deploy/mailhint.socket", "deploy/README.md",
	} {
		if !slices.Contains(files, base+"/"+want) {
			t.Errorf("%s is not in the archive", want)
		}
	}
	unpacked := t.TempDir()
	mustRun(t, "tar", "-xzf", filepath.Join(dir, base+".tar.gz"), "-C", unpacked)
	binary := filepath.Join(unpacked, base, "mailhint")
	if got := mustRun(t, binary, "version"); !strings.HasPrefix(got, "mailhint "+testVersion+" (") {
		t.Errorf("version: %s", got)
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program is not static: it has a segment %v", p.Type)
		}
	}
	licences := string(read(t, filepath.Join(unpacked, base, "THIRD-PARTY-LICENSES")))
	for _, want := range []string{"github.com/spf13/cobra v", "Go's standard library", "Apache License", "Mozilla Public License"} {
		if !strings.Contains(licences, want) {
			t.Errorf("THIRD-PARTY-LICENSES does not have %q", want)
		}
	}
}

// The bill of materials has every module that is in the program, with a licence that obliges no one to publish sources of their own.
func TestBillOfMaterials(t *testing.T) {
	dir := packages(t)
	base := filepath.Join(dir, "mailhint_"+testVersion+"_linux_"+runtime.GOARCH)
	var b bom
	decoder := json.NewDecoder(bytes.NewReader(read(t, base+".cdx.json")))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.SpecVersion != "1.5" || !strings.HasPrefix(b.SerialNumber, "urn:uuid:") || b.Metadata.Component.Version != testVersion {
		t.Errorf("its head is wrong: %+v", b.Metadata)
	}
	var listed []string
	for _, c := range b.Components {
		listed = append(listed, c.Name+" "+c.Version)
		if id := c.Licences[0].License.ID; !slices.Contains([]string{"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "ISC", "CC0-1.0"}, id) {
			t.Errorf("%s: licence %q", c.Name, id)
		}
	}
	for line := range strings.Lines(mustRun(t, "go", "version", "-m", filepath.Join(dir, "program", runtime.GOARCH, "mailhint"))) {
		if fields := strings.Fields(line); fields[0] == "dep" && !slices.Contains(listed, fields[1]+" "+fields[2]) {
			t.Errorf("%s %s is not listed", fields[1], fields[2])
		}
	}
	if len(listed) < 30 {
		t.Errorf("only %d modules are listed", len(listed))
	}
}

// The bill of materials is what the CycloneDX project's own library accepts.
func TestBillOfMaterialsIsValid(t *testing.T) {
	modules, err := filepath.Abs("build/tools/npm/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "@cyclonedx", "cyclonedx-library")); err != nil {
		t.Skip("the library of CycloneDX is not installed: make npm")
	}
	program(t, "node", "nodejs")
	good := filepath.Join(packages(t), "mailhint_"+testVersion+"_linux_"+runtime.GOARCH+".cdx.json")
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, bytes.Replace(read(t, good), []byte(`"licenses"`), []byte(`"license"`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{good: "valid", bad: "must NOT have additional properties"} {
		cmd := exec.Command("node", "-e", validate, file)
		cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v: %.500s", filepath.Base(file), err, out)
		}
	}
}

const validate = `
const { Validation, Spec } = require('@cyclonedx/cyclonedx-library');
new Validation.JsonStrictValidator(Spec.Version.v1dot5).validate(require('fs').readFileSync(process.argv[1], 'utf8'))
	.then(mistakes => console.log(mistakes === null ? 'valid' : JSON.stringify(mistakes)));
`

// The copyright file of Debian's package names every module, and repeats no text that every Debian system has.
func TestCopyright(t *testing.T) {
	modules, err := modulesOf(context.Background(), filepath.Join(packages(t), "program", runtime.GOARCH, "mailhint"))
	if err != nil {
		t.Fatal(err)
	}
	text := copyright(string(read(t, "LICENSE")), modules)
	for _, m := range modules {
		if want := fmt.Sprintf("\n%s %s (%s)\n", m.name(), m.version, m.licence); !strings.Contains(text, want) {
			t.Errorf("there is no %s", strings.TrimSpace(want))
		}
	}
	for _, want := range []string{"The mailhint authors", "/usr/share/common-licenses/Apache-2.0", "Permission is hereby granted", "Redistribution and use in source"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if strings.Contains(text, "TERMS AND CONDITIONS FOR USE, REPRODUCTION") {
		t.Error("it repeats the Apache licence")
	}
}

// Links in installed pages lead to installed files.
func TestDocuments(t *testing.T) {
	files, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	installed := make(map[string]bool)
	for _, f := range files {
		for name := f.name; name != "/"; name = path.Dir(name) {
			installed[name] = true
		}
	}
	links := 0
	for _, f := range files {
		if path.Ext(f.name) != ".md" {
			continue
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`).FindAllSubmatch(f.text, -1) {
			links++
			if target := path.Join(path.Dir(f.name), string(m[1])); !installed[target] {
				t.Errorf("%s links to %s, which is not installed", f.name, m[1])
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links were found", links)
	}
}

// Debian's changelog has the newest points of CHANGELOG.md, as text.
func TestChangelog(t *testing.T) {
	r := recipe{version: "v1.2.0", maintainer: "Ann Example <ann@example.com>", date: time.Unix(1700000000, 0).UTC()}
	got := r.changelog("1.2.0", `# What has changed

## 2026-11-30

New:

- **The admin page**: edit domains in a browser
  ([docs](docs/admin-page.md)), with checks, previews, history and undo.

Changed:

- A thing.

## 2026-11-29

- Older.
`)
	want := `mailhint (1.2.0) stable; urgency=medium

  * The admin page: edit domains in a browser (docs), with checks, previews,
    history and undo.
  * A thing.
  * Older changes: /usr/share/doc/mailhint/CHANGELOG.md

 -- Ann Example <ann@example.com>  Tue, 14 Nov 2023 22:13:20 +0000
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if points := newest(string(read(t, "CHANGELOG.md"))); len(points) == 0 {
		t.Error("CHANGELOG.md has no points")
	}
}

// dpkg sorts the versions as they follow each other.
func TestVersions(t *testing.T) {
	program(t, "dpkg", "dpkg")
	early, late := time.Unix(1700000000, 0).UTC(), time.Unix(1700000100, 0).UTC()
	list := []string{
		packageVersion("f63ab47", early), packageVersion("0f3ab47-dirty", late), packageVersion("v1.2.0-rc1", early), packageVersion("v1.2.0-rc1-3-gabcdef0", early),
		packageVersion("v1.2.0-rc2", early), packageVersion("v1.2.0", early), packageVersion("v1.2.0-5-gabcdef0", early), packageVersion("1.2.1", early), packageVersion("v1.10", early),
	}
	for i := range list[1:] {
		if err := exec.Command("dpkg", "--compare-versions", list[i], "lt", list[i+1]).Run(); err != nil {
			t.Errorf("%s is not before %s: %v", list[i], list[i+1], err)
		}
	}
}

// systemd has no complaints about the packaged units, which leave the service as little to do harm with as those in deploy.
func TestPackagedUnits(t *testing.T) {
	program(t, "systemd-analyze", "systemd")
	dir := t.TempDir()
	for _, name := range []string{"mailhint.service", "mailhint.socket"} {
		text := read(t, "deploy/"+name)
		if name == "mailhint.service" {
			var err error
			if text, err = packagedUnit(text); err != nil {
				t.Fatal(err)
			}
			for _, gone := range []string{"DynamicUser", "/usr/local", "README"} {
				if bytes.Contains(text, []byte(gone)) {
					t.Errorf("the unit still has %s", gone)
				}
			}
		}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("/usr/bin/mailhint"), []byte(self)) // which must exist
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out := mustRun(t, "systemd-analyze", "verify", "--man=no", filepath.Join(dir, "mailhint.service"), filepath.Join(dir, "mailhint.socket")); out != "" {
		t.Error(out)
	}
	mustRun(t, "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15", filepath.Join(dir, "mailhint.service"))
}

// next returns a package of the next version, with the same files.
func next(t *testing.T, format string) string {
	t.Helper()
	dir := packages(t)
	ctx := context.Background()
	r := recipe{version: "v1.2.4", archs: []string{runtime.GOARCH}, out: t.TempDir(), nfpm: nfpm(t), date: time.Unix(1700000100, 0).UTC(), maintainer: "Nobody <nobody@localhost>"}
	binary := filepath.Join(dir, "program", runtime.GOARCH, "mailhint")
	modules, err := modulesOf(ctx, binary)
	if err != nil {
		t.Fatal(err)
	}
	files, err := installation(binary, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if files[i].config {
			files[i].text = append(files[i].text, "# The next version's.\n"...)
		}
	}
	if err := r.packages(ctx, runtime.GOARCH, files, modules); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(r.out, packageName(format, "1.2.4", runtime.GOARCH))
}
