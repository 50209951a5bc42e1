package clients_test

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// jxon is a value as JXON.sys.mjs makes it. Text that JavaScript's Date.parse accepts as a date would become one; that is left out.
type jxon struct {
	text   string // as String() prints it
	isSet  bool
	isText bool // not a number, true or false
}

var (
	jsNumber = regexp.MustCompile(`^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$`)
	jsHex    = regexp.MustCompile(`^\s*0[xX][0-9a-fA-F]+\s*$`)
)

// jxonOf returns the value of an element without children.
func jxonOf(e *element) jxon {
	switch {
	case e == nil:
		return jxon{text: "undefined"}
	case e.text == "" || strings.EqualFold(e.text, "true"):
		return jxon{text: "true", isSet: true}
	case strings.EqualFold(e.text, "false"):
		return jxon{text: "false", isSet: true}
	case strings.TrimSpace(e.text) == "":
		return jxon{text: "NaN", isSet: true}
	case jsHex.MatchString(e.text):
		return jxon{text: "0", isSet: true} // parseFloat stops at the x
	case jsNumber.MatchString(e.text):
		n, _ := strconv.ParseFloat(strings.TrimSpace(e.text), 64)
		return jxon{text: strconv.FormatFloat(n, 'f', -1, 64), isSet: true} // 00123 becomes 123
	}
	return jxon{text: e.text, isSet: true, isText: true}
}

// isFalsy reports whether JavaScript treats the value as false.
func (v jxon) isFalsy() bool {
	return !v.isSet || !v.isText && slices.Contains([]string{"false", "0", "NaN"}, v.text) || v.text == ""
}

var (
	thunderbirdHostPattern = regexp.MustCompile(`(?i)^(([a-z0-9]|[a-z0-9][a-z0-9\-]{0,61}[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]{0,61}[a-z0-9])\.?$`)
	thunderbirdPlaceholder = regexp.MustCompile(`^[a-zA-Z0-9\-.]*(%[A-Z0-9]+%[a-zA-Z0-9\-.]*)+$`)
)

// isLegalHost is hostnameUtils.sys.mjs, which the Android client has in Kotlin: ASCII names and IP addresses.
func isLegalHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || len(s) <= 255 && thunderbirdHostPattern.MatchString(s)
}

// hostname is InputSanitizer.hostname: it trims, accepts placeholders, and refuses U-labels.
func (v jxon) hostname() (string, error) {
	s := strings.TrimSpace(v.text)
	switch {
	case v.isFalsy():
		return "", errors.New("missing")
	case thunderbirdPlaceholder.MatchString(s):
		return s, nil
	case !isLegalHost(s):
		return "", fmt.Errorf("%q is not a valid host name", s)
	}
	return strings.ToLower(s), nil
}

// port is InputSanitizer.integerRange, which accepts what parseInt accepts.
func (v jxon) port() (int, error) {
	n, _, _ := strings.Cut(v.text, ".")
	port, err := strconv.Atoi(leadingDigits(n))
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("%q is not a valid port", v.text)
	}
	return port, nil
}

// leadingDigits returns the part of a text that JavaScript's parseInt and PHP's (int) read.
func leadingDigits(s string) string {
	s = strings.TrimSpace(s)
	return s[:len(s)-len(strings.TrimLeft(s, "0123456789"))]
}
