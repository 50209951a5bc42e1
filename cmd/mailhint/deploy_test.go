//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// installedUnits copies the units of deploy into a folder, with the program where it really is.
func installedUnits(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: apt-get install systemd")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var units []string
	for _, name := range []string{"mailhint.service", "mailhint.socket"} {
		text, err := os.ReadFile(filepath.Join("../../deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		unit := filepath.Join(dir, name)
		write(t, unit, strings.ReplaceAll(string(text), "/usr/local/bin/mailhint", self))
		units = append(units, unit)
	}
	return units
}

// systemd has no complaints about the units.
func TestUnits(t *testing.T) {
	out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no"}, installedUnits(t)...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// The service can do little harm: systemd rates what it can do from 10 (everything) to 0 (nothing).
func TestUnitIsConfined(t *testing.T) {
	const maxExposure = 1.5
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+strconv.Itoa(maxExposure*10), installedUnits(t)[0]).CombinedOutput()
	found := regexp.MustCompile(`Overall exposure level for mailhint.service: ([0-9.]+)`).FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("systemd-analyze security: %v, want at most %.1f\n%s", err, maxExposure, out)
	}
	t.Logf("exposure %s, at most %.1f is allowed", found[1], maxExposure)
}

// The unit must not forbid anything that mailhint does. It asks the kernel by netlink which addresses this machine has
// (net.InterfaceAddrs); if it could not, it would order certificates for names that point elsewhere.
func TestUnitAllowsSockets(t *testing.T) {
	text, err := os.ReadFile("../../deploy/mailhint.service")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^RestrictAddressFamilies=(.*)$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the unit has no RestrictAddressFamilies=")
	}
	for _, family := range []string{"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"} {
		if !slices.Contains(strings.Fields(string(found[1])), family) {
			t.Errorf("the unit forbids %s", family)
		}
	}
}

// The unit limits what the service takes from the machine, and passes keys that only root can read.
func TestUnitLimits(t *testing.T) {
	text, err := os.ReadFile("../../deploy/mailhint.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`MemoryMax=\d+G`, `TasksMax=\d+`, `LoadCredential=mailhint-cert\.pem`, `LoadCredential=mailhint-key\.pem`, `ConfigurationDirectoryMode=0755`} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).Match(text) {
			t.Errorf("the unit lacks %s", want)
		}
	}
}
