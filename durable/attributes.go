package durable

import (
	"fmt"
	"io/fs"
	"os"
)

// setAttributes gives a new file its mode, or mode, owner and extended attributes of the old file if there is one.
func setAttributes(file *os.File, mode fs.FileMode, old *os.File) error {
	if old == nil {
		return file.Chmod(mode)
	}
	info, err := old.Stat()
	if err != nil {
		return err
	}
	if err := keepOwner(file, info); err != nil {
		return fmt.Errorf("the owner of %s cannot be kept: %w", old.Name(), err)
	}
	if err := file.Chmod(info.Mode()); err != nil { // after the owner: a change of owner clears bits
		return err
	}
	if err := keepExtended(file, old); err != nil { // after the mode, which would change the mask of an ACL
		return fmt.Errorf("the extended attributes of %s cannot be kept: %w", old.Name(), err)
	}
	return nil
}
