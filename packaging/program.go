package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// file is a file to install.
type file struct {
	name   string // absolute, as it is installed
	text   []byte
	mode   os.FileMode
	config bool // people edit it: an upgrade leaves it as it is
}

// compile builds the static program for an architecture, and returns its file.
func (r recipe) compile(ctx context.Context, arch string) (string, error) {
	program := filepath.Join(r.out, "program", arch, "mailhint")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version="+r.version, "-o", program, "./cmd/mailhint")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go build: %w", err)
	}
	return program, nil
}

// describe lets a program for this machine write its manual pages and completions.
func (r recipe) describe(ctx context.Context) ([]file, error) {
	dir, err := os.MkdirTemp("", "mailhint-packaging-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "mailhint")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-X main.version="+r.version, "-o", program, "./cmd/mailhint")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // like the program to install, so that nothing is compiled twice
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go build: %w", err)
	}
	files, err := r.manual(ctx, program)
	if err != nil {
		return nil, err
	}
	for shell, name := range map[string]string{
		"bash": "/usr/share/bash-completion/completions/mailhint",
		"zsh":  "/usr/share/zsh/vendor-completions/_mailhint",
		"fish": "/usr/share/fish/vendor_completions.d/mailhint.fish",
	} {
		text, err := output(ctx, program, "completion", shell)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: name, text: text, mode: 0o644})
	}
	schema, err := output(ctx, program, "schema")
	return append(files, file{name: "/usr/share/mailhint/domains.schema.json", text: schema, mode: 0o644}), err
}

// manual returns the manual pages of a program, compressed as distributions want them.
func (r recipe) manual(ctx context.Context, program string) ([]file, error) {
	dir, err := os.MkdirTemp("", "mailhint-manual-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, program, "manual", dir)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix()))
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mailhint manual: %w\n%s", err, out)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.[15]"))
	if err != nil {
		return nil, err
	}
	var files []file
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(page)
		section := name[strings.LastIndexByte(name, '.')+1:]
		files = append(files, file{name: "/usr/share/man/man" + section + "/" + name + ".gz", text: compressed(text), mode: 0o644})
	}
	return files, nil
}

func output(ctx context.Context, program string, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return nil, fmt.Errorf("mailhint %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// compressed is gzip -9n: without a name or a time.
func compressed(text []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level exists
	}
	w.Write(text) // writing to a bytes.Buffer cannot fail
	w.Close()
	return b.Bytes()
}

// installation lists what is installed on every system: the program, what it says about itself, the units and the documents.
func installation(program string, texts []file) ([]file, error) {
	binary, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	files := append([]file{{name: "/usr/bin/mailhint", text: binary, mode: 0o755}}, texts...)
	for from, to := range map[string]file{
		"deploy/mailhint.service":       {name: "/usr/lib/systemd/system/mailhint.service", mode: 0o644},
		"deploy/mailhint.socket":        {name: "/usr/lib/systemd/system/mailhint.socket", mode: 0o644},
		"packaging/files/sysusers.conf": {name: "/usr/lib/sysusers.d/mailhint.conf", mode: 0o644},
		"packaging/files/domains.toml":  {name: "/etc/mailhint/domains.toml", mode: 0o644, config: true},
	} {
		if to.text, err = os.ReadFile(from); err != nil {
			return nil, err
		}
		if strings.HasSuffix(to.name, ".service") {
			if to.text, err = packagedUnit(to.text); err != nil {
				return nil, err
			}
		}
		files = append(files, to)
	}
	documents, err := documents()
	return append(files, documents...), err
}

// documentFolder is where documents are installed, with the paths that they have here, so that their links lead somewhere.
const documentFolder = "/usr/share/doc/mailhint/"

// documents are all pages with what they show: the example of a configuration, pictures, and files for containers, Kubernetes and NixOS.
func documents() (files []file, err error) {
	add := func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(name) == ".go" {
			return err
		}
		text, err := os.ReadFile(name)
		files = append(files, file{name: documentFolder + filepath.ToSlash(name), text: text, mode: 0o644})
		return err
	}
	for _, root := range []string{"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "deploy"} {
		err = errors.Join(err, filepath.WalkDir(root, add))
	}
	return files, err
}

// packagedUnit is the unit where the package has installed the program, and a user that exists all the time: commands such as cert get can run
// as this user, and its files are in a directory that everyone can name.
func packagedUnit(unit []byte) ([]byte, error) {
	for old, replacement := range map[string]string{
		"/usr/local/bin/mailhint": "/usr/bin/mailhint",
		"# A user of its own, which exists only while the service runs. It must": "# The user that /usr/lib/sysusers.d/mailhint.conf creates. It must",
		"DynamicUser=yes\n": "User=mailhint\nGroup=mailhint\n",
		"README.md in this directory says how to install it.": "systemctl enable --now mailhint starts it.",
		"README.md says how to use them.":                     "",
	} {
		if !bytes.Contains(unit, []byte(old)) {
			return nil, fmt.Errorf("deploy/mailhint.service has no %q", old)
		}
		unit = bytes.ReplaceAll(unit, []byte(old), []byte(replacement))
	}
	return unit, nil
}
