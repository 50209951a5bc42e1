package main

import (
	"regexp"
	"strings"
	"time"
)

var (
	released = regexp.MustCompile(`^v?([0-9]+(?:\.[0-9]+)*)(?:-(rc[0-9.]*|beta[0-9.]*|alpha[0-9.]*))?(?:-([0-9]+)-g([0-9a-f]+))?(-dirty)?$`)
	unusual  = regexp.MustCompile(`[^0-9A-Za-z.+~]`)
)

// packageVersion spells a version of git describe so that dpkg and rpm sort it right: "v1.2-rc1" before "v1.2" before "v1.2-5-gabcdef0", and a
// commit without any tag before everything.
func packageVersion(describe string, date time.Time) string {
	m := released.FindStringSubmatch(describe)
	if m == nil {
		return "0~" + date.Format("20060102150405") + "." + unusual.ReplaceAllString(describe, ".")
	}
	version := m[1]
	if m[2] != "" {
		version += "~" + m[2]
	}
	if m[3] != "" {
		version += "+" + m[3] + "." + m[4]
	}
	if m[5] != "" {
		version += "+dirty"
	}
	return strings.TrimSpace(version)
}
