package postgres

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// maxPassword is how long a password may be, in octets.
const maxPassword = 1000

// readPassword reads the password in a file that no other user may read. It contains nothing but the password and perhaps the end of its line. The
// error contains nothing of it.
func readPassword(file string) (string, error) {
	info, err := os.Stat(file) // first, because to open a named pipe would wait
	if err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", file)
	}
	if err != nil {
		return "", fmt.Errorf("%w; write the password of the database user there, or correct password_file in [store]", err)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close() // it was only read
	if info, err = f.Stat(); err != nil {
		return "", err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s may be used by other users (mode %04o); run chmod 600 %[1]s, and change the password if others may have read it", file, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	if err != nil {
		return "", err
	}
	password := strings.TrimRight(string(text), "\r\n")
	if len(text) > maxPassword || strings.ContainsAny(password, "\r\n\x00") {
		return "", fmt.Errorf("%s is not a password; write it on one line", file)
	}
	return password, nil
}
