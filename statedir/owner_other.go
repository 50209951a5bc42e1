//go:build !unix

package statedir

import "os"

func giveToOwner(string) {}

// GiveDir does nothing: there is no root here.
func GiveDir(*os.Root, string) {}

// GiveFile does nothing: there is no root here.
func GiveFile(*os.Root, *os.File) {}
