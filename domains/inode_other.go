//go:build !unix

package domains

import "os"

// inode is not known here; size and time tell a change.
func inode(os.FileInfo) uint64 { return 0 }
