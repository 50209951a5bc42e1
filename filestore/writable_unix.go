//go:build unix

package filestore

import (
	"context"
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"mailhint/edits"
)

// Writable returns why the configuration cannot be changed here, wrapping edits.ErrReadOnly; nil if it can, as far as the permissions of the main
// file's folder say. Files are replaced as a whole, so those of the file itself do not matter. Programs ask before they offer somebody to change
// it: only Apply finds out for certain.
func (s *Store) Writable(context.Context) error {
	name, err := filepath.EvalSymlinks(s.config)
	if err != nil {
		return nil // what is wrong with it is reported by the methods that read it
	}
	if err := unix.Access(filepath.Dir(name), unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("%s %w: its folder: %w", s.config, edits.ErrReadOnly, err)
	}
	return nil
}
