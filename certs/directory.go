package certs

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// prepareDir creates the directory, or makes sure that no other user can read what is in it.
func prepareDir(dir string, log *slog.Logger) error {
	if dir == "" {
		return errors.New("certificates: no directory is configured; set state_dir in [server]")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("certificates cannot be saved: %w; create the directory, or correct state_dir in [server]", err)
	}
	loose := 0
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) { // removed by another process
			return nil
		}
		if err != nil || info.Mode().Perm()&0o077 == 0 || filepath.Base(filepath.Dir(name)) == "locks" { // locks contain times only
			return err
		}
		loose++
		return os.Chmod(name, info.Mode().Perm()&0o700)
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("certificates cannot be saved in %s: %w; it must belong to the user that mailhint runs as", dir, err)
	}
	if loose > 0 {
		log.Warn("key files were readable by other users; permissions are fixed, but treat the keys as compromised", "directory", dir, "files", loose)
	}
	return nil
}

// CheckOwner returns an error if a directory with certificates belongs to another user than the one this process runs as: that user, as whom the
// server runs, could not read what we write.
func CheckOwner(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if owner := ownerOf(info); owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %s, who could not read what user %s writes; run this command with sudo -u %[2]s",
			filepath.Dir(dir), userName(owner), userName(os.Geteuid()))
	}
	return nil
}

// OwnerName returns who owns a directory with certificates, or the first directory above it that can be examined, as a shell
// and sudo -u take it: a name, or a number such as '#998' if the user has none; "mailhint" if the owner is not known.
func OwnerName(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil {
			return userName(ownerOf(info))
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "mailhint"
		}
		dir = above
	}
}

// userName returns the name of a user, or the number as sudo -u takes it.
func userName(id int) string {
	if u, err := user.LookupId(strconv.Itoa(id)); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("'#%d'", id)
}
