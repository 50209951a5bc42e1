//go:build !unix

package secretfile

import "io/fs"

func ofRoot(fs.FileInfo) bool { return false }
