//go:build !unix

package main

import (
	"io/fs"
	"os"
)

// ownerOf returns the number of the user a file belongs to, which is not told here.
func ownerOf(fs.FileInfo) int { return os.Geteuid() }
