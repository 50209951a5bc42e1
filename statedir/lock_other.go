//go:build !linux

package statedir

import "os"

func lockHolder(*os.File) string { return "" }
