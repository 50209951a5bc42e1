package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The parts of nfpm's configuration that we use.
type (
	nfpmConfig struct {
		Name          string         `yaml:"name"`
		Arch          string         `yaml:"arch"`
		Platform      string         `yaml:"platform"`
		Version       string         `yaml:"version"`
		VersionSchema string         `yaml:"version_schema"`
		Section       string         `yaml:"section"`
		Priority      string         `yaml:"priority"`
		Maintainer    string         `yaml:"maintainer"`
		Vendor        string         `yaml:"vendor"`
		License       string         `yaml:"license,omitempty"`
		Description   string         `yaml:"description"`
		MTime         time.Time      `yaml:"mtime"`
		Depends       []string       `yaml:"depends,omitempty"`
		Recommends    []string       `yaml:"recommends,omitempty"`
		Scripts       nfpmScripts    `yaml:"scripts"`
		Contents      []nfpmContent  `yaml:"contents"`
		RPM           map[string]any `yaml:"rpm,omitempty"`
		Deb           map[string]any `yaml:"deb,omitempty"`
	}
	nfpmScripts struct {
		PostInstall string `yaml:"postinstall,omitempty"`
		PreRemove   string `yaml:"preremove,omitempty"`
		PostRemove  string `yaml:"postremove,omitempty"`
	}
	nfpmContent struct {
		Src  string       `yaml:"src,omitempty"`
		Dst  string       `yaml:"dst"`
		Type string       `yaml:"type,omitempty"`
		Info nfpmFileInfo `yaml:"file_info"`
	}
	nfpmFileInfo struct {
		Mode  os.FileMode `yaml:"mode"`
		MTime time.Time   `yaml:"mtime"`
		Owner string      `yaml:"owner"`
		Group string      `yaml:"group"`
	}
)

const description = `settings for mail programs (autoconfig, Autodiscover)
mailhint answers Thunderbird, Outlook, Apple Mail and other mail programs that
ask for the servers of a mail domain, so that people need only their address
and password. It serves one domain or a million from one configuration file,
gets its own certificates, and checks DNS and mail servers.`

// packages makes the packages of an architecture.
func (r recipe) packages(ctx context.Context, arch string, files []file, modules []module) error {
	if r.nfpm == "" {
		return nil
	}
	nfpm, err := filepath.Abs(r.nfpm)
	if err != nil {
		return err
	}
	for _, format := range []string{"deb", "rpm"} {
		work := filepath.Join(r.out, "work", format+"-"+arch)
		if err := emptied(work); err != nil {
			return err
		}
		config, err := r.nfpmConfig(format, arch, files, modules, work)
		if err != nil {
			return err
		}
		text, err := yaml.Marshal(config)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(work, "nfpm.yaml"), text, 0o644); err != nil {
			return err
		}
		target := filepath.Join(r.out, packageName(format, config.Version, arch))
		cmd := exec.CommandContext(ctx, nfpm, "package", "--config", filepath.Join(work, "nfpm.yaml"), "--packager", format, "--target", target)
		cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.date.Unix()), "TZ=UTC")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("nfpm: %w\n%s", err, out)
		}
	}
	return os.RemoveAll(filepath.Join(r.out, "work"))
}

// packageName is the usual name of a package's file.
func packageName(format, version, arch string) string {
	if format == "rpm" {
		return fmt.Sprintf("mailhint-%s-1.%s.rpm", version, map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch])
	}
	return fmt.Sprintf("mailhint_%s_%s.deb", version, arch)
}

// nfpmConfig says what is in a package. The files are copied to a directory, because nfpm reads them from there.
func (r recipe) nfpmConfig(format, arch string, files []file, modules []module, work string) (nfpmConfig, error) {
	licence, err := os.ReadFile("LICENSE")
	if err != nil {
		return nfpmConfig{}, err
	}
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return nfpmConfig{}, err
	}
	version := packageVersion(r.version, r.date)
	script := func(name string) string { return filepath.Join("packaging", "files", format, name) }
	c := nfpmConfig{
		Name: "mailhint", Arch: arch, Platform: "linux", Version: version, VersionSchema: "none", Section: "mail", Priority: "optional",
		Maintainer: r.maintainer, Vendor: "The mailhint authors", Description: description, MTime: r.date,
		Scripts: nfpmScripts{script("postinst"), script("prerm"), script("postrm")},
	}
	files = slices.Clone(files)
	if format == "deb" {
		c.Depends = []string{"systemd | systemd-standalone-sysusers | systemd-sysusers"}
		c.Recommends = []string{"ca-certificates"}
		files = append(files,
			file{name: "/usr/share/lintian/overrides/mailhint", text: []byte(overrides), mode: 0o644},
			file{name: "/usr/share/doc/mailhint/copyright", text: []byte(copyright(string(licence), modules)), mode: 0o644},
			file{name: "/usr/share/doc/mailhint/changelog.gz", text: compressed([]byte(r.changelog(version, string(changes)))), mode: 0o644})
	} else {
		c.Recommends = []string{"ca-certificates"}
		summary, rest, _ := strings.Cut(description, "\n")
		c.License, c.Description = "MIT", rest
		c.RPM = map[string]any{"group": "System Environment/Daemons", "summary": summary, "compression": "gzip", "buildhost": "localhost"}
		files = append(files,
			file{name: "/usr/share/licenses/mailhint/LICENSE", text: licence, mode: 0o644},
			file{name: "/usr/share/licenses/mailhint/THIRD-PARTY-LICENSES", text: []byte(list(modules, nil)), mode: 0o644})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	for _, f := range files {
		if format == "rpm" {
			f.name = strings.Replace(f.name, "/zsh/vendor-completions/", "/zsh/site-functions/", 1)
		}
		src := filepath.Join(work, strings.ReplaceAll(f.name, "/", "+"))
		if err := os.WriteFile(src, f.text, 0o644); err != nil {
			return c, err
		}
		content := nfpmContent{Src: src, Dst: f.name, Info: nfpmFileInfo{f.mode, r.date, "root", "root"}}
		if f.config {
			content.Type = "config|noreplace"
			if format == "deb" {
				content.Type = "config"
			}
		}
		c.Contents = append(c.Contents, content)
	}
	return c, nil
}

// overrides tells lintian what is meant to be as it is.
const overrides = "# A program in Go is linked statically, as Debian's own are.\nmailhint: statically-linked-binary\n"
