package domains

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// StateDir returns the state_dir of the configuration in a main file, without reading the rest: it is also found if the configuration has mistakes.
func StateDir(file string) (string, error) {
	text, err := readText(file, maxFile)
	if err != nil {
		return "", unreadMain(file, err)
	}
	dir, _ := writtenIn(text, "server", "state_dir")
	if dir = strings.TrimSpace(dir); dir != "" {
		return absoluteTo(file, dir), nil
	}
	return defaultStateDir(file)
}

// unreadMain is the error for a main file that cannot be read.
func unreadMain(file string, err error) error {
	hint := ""
	if errors.Is(err, os.ErrNotExist) {
		hint = missingHint
	}
	return unread{Problems{{Position{File: file}, "", fmt.Sprintf("cannot be read: %v%s", err, hint)}}}
}

// AdminAddress returns the admin of the configuration in a main file, as StateDir returns its state_dir.
func AdminAddress(file string) (string, error) {
	text, err := readText(file, maxFile)
	if err != nil {
		return "", unreadMain(file, err)
	}
	if admin, written := writtenIn(text, "server", "admin"); written {
		return admin, nil
	}
	v, _ := defaultsOf(serverKeys)
	return v.Admin, nil
}

// StoreOf returns the [store] of the configuration in a main file, as StateDir returns its state_dir. The Type is empty if there is none.
func StoreOf(file string) (Store, error) {
	text, err := readText(file, maxFile)
	if err != nil {
		return Store{}, unreadMain(file, err)
	}
	var s Store
	s.Type, _ = writtenIn(text, "store", "type")
	s.URL, _ = writtenIn(text, "store", "url")
	if password, _ := writtenIn(text, "store", "password_file"); password != "" {
		s.PasswordFile = absoluteTo(file, password)
	}
	s.At = Position{File: file}
	return s, nil
}

// writtenIn returns the string that a key has in a table, and whether it is there.
func writtenIn(text, table, key string) (value string, written bool) {
	var p unstable.Parser
	p.Reset([]byte(strings.TrimPrefix(text, byteOrderMark)))
	in := "" // the path of the table
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			in = keyPath("", e)
		case unstable.KeyValue:
			if value, ok := valueIn(table, key, in, e); ok {
				return value, true
			}
		}
	}
	return "", false
}

// valueIn looks for a key of a table in a line below the header of another, or in its inline table.
func valueIn(table, key, header string, e *unstable.Node) (string, bool) {
	path, value := keyPath(header, e), e.Value()
	switch {
	case path == table+"\xFF"+key && value.Kind == unstable.String:
		return string(value.Data), true
	case path == table && value.Kind == unstable.InlineTable:
		for it := value.Children(); it.Next(); {
			if value, ok := valueIn(table, key, path, it.Node()); ok {
				return value, true
			}
		}
	}
	return "", false
}

// keyPath returns the path of a key, below that of its table. The parts are separated by an octet that no key contains.
func keyPath(table string, e *unstable.Node) string {
	for it := e.Key(); it.Next(); {
		if table != "" {
			table += "\xFF"
		}
		table += string(it.Node().Data)
	}
	return table
}

// Where packages and the systemd unit put the configuration and what must outlive the process. Tests replace them.
var systemConfigDir, systemStateDir = "/etc/mailhint", "/var/lib/mailhint"

// defaultStateDir is the directory that systemd lets a service write to (StateDirectory= in systemd.exec(5)), so that a service needs no state_dir. An
// admin's shell does not have that variable: for the configuration in /etc/mailhint it is the same directory, if it exists. Otherwise it is the
// directory state beside the main file.
func defaultStateDir(file string) (string, error) {
	if first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(first) {
		return first, nil
	}
	file, err := filepath.Abs(file)
	if err != nil { // the working directory is gone
		return "", fmt.Errorf("has no default here: %w; write state_dir = %q", err, systemStateDir)
	}
	if filepath.Dir(file) == systemConfigDir {
		if info, err := os.Stat(systemStateDir); err == nil && info.IsDir() {
			return systemStateDir, nil
		}
	}
	return filepath.Join(filepath.Dir(file), "state"), nil
}
