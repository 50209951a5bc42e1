// Package secretfile reads secrets, such as passwords and tokens, which are never in the configuration, in arguments or in variables.
package secretfile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// maxSize limits the size of a file with a secret.
const maxSize = 8 << 10

// ReadRegular is Read for a file that the configuration names: what is not a regular file is refused, because to open a named pipe would wait.
func ReadRegular(name string) (string, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", name)
	}
	return Read(name)
}

// CheckMode returns an error if others than its owner may read or change a file with a secret. A group may read a file of root: this is how
// Kubernetes mounts secrets and systemd passes credentials, with mode 0440, and the service can then read the file and not change it.
func CheckMode(name string, info fs.FileInfo) error {
	others := fs.FileMode(0o077)
	if ofRoot(info) {
		others = 0o037
	}
	if runtime.GOOS == "windows" || info.Mode().Perm()&others == 0 {
		return nil
	}
	return fmt.Errorf("%s can be read or written by others (mode %04o); run chmod 600 %[1]s, and replace the secret if others may have read it", name, info.Mode().Perm())
}

// Read reads a secret from the first line of a file that CheckMode accepts. The error contains nothing of the file. What is not a regular file,
// such as a pipe, is read without regard to its mode.
func Read(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().IsRegular() {
		if err := CheckMode(name, info); err != nil {
			return "", err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxSize {
		return "", fmt.Errorf("%s is too large; it must have the secret on its first line", name)
	}
	secret, rest, _ := strings.Cut(strings.TrimPrefix(string(text), "\uFEFF"), "\n")
	secret = strings.TrimSuffix(secret, "\r")
	switch {
	case secret == "":
		return "", fmt.Errorf("%s has no secret on its first line", name)
	case strings.TrimSpace(rest) != "":
		return "", fmt.Errorf("%s has more than one line; only the secret must be in it", name)
	}
	return secret, nil
}
