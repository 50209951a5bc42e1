package statedir

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockExclusively waits for a lock that ends when the file is closed.
func lockExclusively(file *os.File) error {
	return windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped))
}
