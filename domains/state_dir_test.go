package domains

import (
	"path/filepath"
	"testing"
)

// StateDir and Load agree, and StateDir also works if the rest of the file has mistakes.
func TestStateDir(t *testing.T) {
	dir, etc, lib := t.TempDir(), t.TempDir(), t.TempDir()
	oldConfig, oldState := systemConfigDir, systemStateDir
	t.Cleanup(func() { systemConfigDir, systemStateDir = oldConfig, oldState })
	for _, test := range []struct{ where, lib, env, text, want string }{
		{dir, lib, "", "", filepath.Join(dir, "state")},
		{dir, lib, "relative", "", filepath.Join(dir, "state")},
		{dir, lib, "/var/lib/service", "", "/var/lib/service"},
		{dir, lib, "/var/lib/service:/var/lib/other", "", "/var/lib/service"},
		{dir, lib, "/var/lib/service", "[server]\nstate_dir = \"/srv/state\"\n", "/srv/state"},
		{dir, lib, "", "\uFEFF[defaults]\nname = 'state_dir = \"no\"'\n[\"server\"]\r\n'state_dir'='st'\n", filepath.Join(dir, "st")},
		{dir, lib, "", "server.\"state\\u005Fdir\" = \"dotted\"\n", filepath.Join(dir, "dotted")},
		{dir, lib, "", "server = { tls = \"off\", state_dir = \"\"\"inline\"\"\" }\n", filepath.Join(dir, "inline")},
		{etc, lib, "", "", lib},
		{etc, filepath.Join(lib, "absent"), "", "", filepath.Join(etc, "state")},
		{etc, lib, "/var/lib/service", "", "/var/lib/service"},
		{etc, lib, "", "[server]\nstate_dir = \"/srv/state\"\n", "/srv/state"},
	} {
		systemConfigDir, systemStateDir = etc, test.lib
		t.Setenv("STATE_DIRECTORY", test.env)
		for _, rest := range []string{conf("x"), "[domains.\"x.example\"]\nimpa = 1\n[[\n"} {
			file := write(t, test.where, "domains.toml", test.text+rest)
			if got, err := StateDir(file); got != test.want || err != nil {
				t.Errorf("%q: StateDir is %s, %v; want %s", test.text+rest, got, err, test.want)
			}
			if s, err := Load(file); err == nil && s.Server.StateDir != test.want {
				t.Errorf("%q: Load finds %s, want %s", test.text, s.Server.StateDir, test.want)
			}
		}
	}
	if _, err := StateDir(filepath.Join(dir, "absent.toml")); err == nil {
		t.Error("a file that does not exist has a state_dir")
	}
}

// AdminAddress finds what Load finds, also if the rest of the file has mistakes.
func TestAdminAddress(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "127.0.0.1:8081",
		"[server]\nadmin = \"[::1]:9000\"\n":   "[::1]:9000",
		"server.admin = ''\n":                  "",
		"[domains.\"a.b\"]\nadmin = \"no\"\n":  "127.0.0.1:8081",
		"[server]\nname = \"setup.example\"\n": "127.0.0.1:8081",
	} {
		file := write(t, t.TempDir(), "domains.toml", text+"[[\n")
		if got, err := AdminAddress(file); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := AdminAddress("absent.toml"); err == nil {
		t.Error("a file that does not exist has an admin address")
	}
}
