package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// lintian has nothing serious to say about the package for Debian.
func TestLintian(t *testing.T) {
	program(t, "lintian", "lintian")
	// Who builds the packages names a real address with -maintainer.
	out, err := exec.Command("lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", "bogus-mail-host,bogus-mail-host-in-debian-changelog",
		filepath.Join(packages(t), packageName("deb", "1.2.3", runtime.GOARCH))).CombinedOutput()
	if err != nil || strings.Contains(string(out), "E: ") || strings.Contains(string(out), "W: ") {
		t.Errorf("lintian: %v\n%s", err, out)
	}
}

// debian returns a directory with a small Debian system, and asRoot makes a command that runs as root.
func debian(t *testing.T) string {
	t.Helper()
	archive, err := filepath.Abs("build/tools/debian.tar")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(archive); err != nil {
		t.Skip("there is no Debian system to install packages in: make build/tools/debian.tar")
	}
	dir := t.TempDir()
	if out, err := asRoot(t, "tar", "-C", dir, "--exclude=./dev/*", "-xf", archive).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := asRoot(t, "rm", "-rf", "--one-file-system", filepath.Join(dir)).CombinedOutput(); err != nil {
			t.Errorf("rm: %v\n%s", err, out)
		}
	})
	if err := asRoot(t, "chroot", dir, "true").Run(); err != nil {
		t.Skipf("chroot is not possible here: %v", err)
	}
	return dir
}

func asRoot(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() == 0 {
		return exec.Command(name, args...)
	}
	program(t, "sudo", "sudo")
	return exec.Command("sudo", append([]string{"-n", name}, args...)...)
}

// script runs a script in a Debian system, which it must survive: set -e is in force.
func script(t *testing.T, dir, text string, files ...string) {
	t.Helper()
	for i, file := range files {
		to := filepath.Join(dir, "tmp", []string{"one", "two"}[i]+filepath.Ext(file))
		if out, err := asRoot(t, "cp", file, to).CombinedOutput(); err != nil {
			t.Fatalf("cp: %v\n%s", err, out)
		}
	}
	cmd := asRoot(t, "chroot", dir, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "sh", "-e", "-x", "-c", text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// The package for Debian can be installed, upgraded, removed and purged. An upgrade keeps what people have written, and only a purge removes
// it. The user stays.
func TestDebian(t *testing.T) {
	program(t, "dpkg", "dpkg")
	one, two := filepath.Join(packages(t), packageName("deb", "1.2.3", runtime.GOARCH)), next(t, "deb")
	script(t, debian(t), `
dpkg --force-confdef --force-confold -i /tmp/one.deb
dpkg --verify mailhint
getent passwd mailhint | grep ':/var/lib/mailhint:/usr/sbin/nologin$'
test "$(stat -c '%a %U' /etc/mailhint/domains.toml)" = '644 root'
mailhint version | grep '^mailhint v1.2.3 '
mailhint check | grep 'defines no domain'
zcat /usr/share/doc/mailhint/changelog.gz | grep '^  \* Older changes: ' | cut -d ' ' -f 6 | xargs test -s
test -s /usr/share/man/man1/mailhint-serve.1.gz -a -s /usr/share/doc/mailhint/copyright -a -s /usr/share/doc/mailhint/docs/start.md
wanted=/etc/systemd/system/multi-user.target.wants/mailhint.service
test ! -e $wanted -a ! -L $wanted
systemd-sysusers --cat-config | grep '^u mailhint'

test "$(stat -c '%a %U %G' /var/lib/mailhint)" = '700 mailhint mailhint'
mailhint add example.com imap=imap.example.com smtp=smtp.example.com | grep '^added example.com'
mailhint history | grep example.com
test ! -e /etc/mailhint/state
mailhint check | grep '^ok, 1 domain'
mailhint show example.com --for thunderbird | grep imap.example.com
DPKG_MAINTSCRIPT_PACKAGE=mailhint deb-systemd-helper enable mailhint.service
test -L $wanted
id -u mailhint >/tmp/uid
mkdir -p /var/lib/mailhint/acme

dpkg --force-confdef --force-confold -i /tmp/two.deb
dpkg -s mailhint | grep '^Version: 1.2.4'
mailhint check | grep '^ok, 1 domain'
test -e /etc/mailhint/domains.toml.dpkg-dist
test -L $wanted
test "$(id -u mailhint)" = "$(cat /tmp/uid)"

dpkg -r mailhint
test ! -e /usr/bin/mailhint -a -e /etc/mailhint/domains.toml -a -d /var/lib/mailhint/acme
dpkg --force-confdef --force-confold -i /tmp/one.deb
mailhint check | grep '^ok, 1 domain'
dpkg -r mailhint
dpkg -P mailhint
test ! -L $wanted
test ! -e /etc/mailhint -a ! -e /var/lib/mailhint
id mailhint
rm /tmp/one.deb /tmp/two.deb
left=$(find / -xdev -name '*mailhint*' -not -path '/proc/*')
test -z "$left"
`, one, two)
}

// The package for Red Hat does the same.
func TestRPM(t *testing.T) {
	program(t, "rpm", "rpm")
	one, two := filepath.Join(packages(t), packageName("rpm", "1.2.3", runtime.GOARCH)), next(t, "rpm")
	if got := strings.TrimSpace(mustRun(t, "rpm", "-qp", "--configfiles", one)); got != "/etc/mailhint/domains.toml" {
		t.Errorf("configuration files: %q", got)
	}
	if got := mustRun(t, "rpm", "-qp", "--qf", "%{NAME} %{VERSION} %{RELEASE} %{LICENSE}", one); got != "mailhint 1.2.3 1 MIT" {
		t.Errorf("it is %s", got)
	}
	mustRun(t, "rpm", "-K", "--nosignature", one)
	dir := debian(t)
	rpm := func(args ...string) {
		t.Helper()
		if out, err := asRoot(t, "rpm", append([]string{"--root", dir}, args...)...).CombinedOutput(); err != nil || strings.Contains(string(out), "scriptlet failed") {
			t.Fatalf("rpm %q: %v\n%s", args, err, out)
		}
	}
	rpm("--initdb")
	rpm("-i", "--nodeps", "--nosignature", one)
	script(t, dir, `
getent passwd mailhint
mailhint version | grep '^mailhint v1.2.3 '
test -s /usr/share/licenses/mailhint/LICENSE
test "$(stat -c '%a %U %G' /var/lib/mailhint)" = '700 mailhint mailhint'
printf '[domains."example.com"]\nimap = "imap.example.com"\nsmtp = "smtp.example.com"\n' >>/etc/mailhint/domains.toml
`)
	rpm("-U", "--nodeps", "--nosignature", two)
	script(t, dir, "mailhint check | grep '^ok, 1 domain'\ntest -e /etc/mailhint/domains.toml.rpmnew")
	rpm("-e", "mailhint")
	script(t, dir, "test ! -e /usr/bin/mailhint -a -e /etc/mailhint/domains.toml.rpmsave")
}
