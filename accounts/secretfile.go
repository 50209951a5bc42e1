package accounts

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// maxSecretFile limits the size of a file with a secret.
const maxSecretFile = 8 << 10

// ReadSecretFile reads a secret, such as a password or a token, from the first line of a file that nobody but its owner may read. The error
// contains nothing of the file. What is not a regular file, such as a pipe, is read without regard to its mode.
func ReadSecretFile(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s can be read or written by others (mode %04o); run chmod 600 %[1]s, and replace the secret if others may have read it", name, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxSecretFile {
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
