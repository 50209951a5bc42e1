package pacc

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Record returns the content of the TXT record at _ua-auto-config.D that belongs to a document. To change a document, publish the new record
// beside the old one first, and remove the old one when no cache has the old document any more.
func Record(body []byte) string { return "v=UAAC1; a=sha256; d=" + digest(body) }

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

var (
	// ErrNoRecord means that there is no valid TXT record. Clients may use the document all the same; publish the record so that they
	// can verify it.
	ErrNoRecord = errors.New("no valid TXT record")
	// ErrOtherDigest means that there are valid records, all of them for other documents. Clients refuse this one; publish its record.
	ErrOtherDigest = errors.New("no TXT record has the digest of the document")
)

// Check compares a document with the TXT records at _ua-auto-config.D, each with its character strings joined. One matching record is enough.
func Check(records []string, body []byte) error {
	want := sha256.Sum256(body)
	valid := 0
	var faults []error
	for _, text := range records {
		got, err := parseRecord(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("%q: %w", text, err))
			continue
		}
		if bytes.Equal(got, want[:]) {
			return nil
		}
		valid++
	}
	if valid > 0 {
		return fmt.Errorf("%w, which is %s", ErrOtherDigest, digest(body))
	}
	return errors.Join(append([]error{ErrNoRecord}, faults...)...)
}

// parseRecord returns the digest in a record. Its tags may be in any order, with spaces and tabs around names, values and semicolons;
// unknown ones are ignored (draft-ietf-mailmaint-pacc-03 section 5.2.2.2).
func parseRecord(text string) ([]byte, error) {
	tags := make(map[string]string)
	parts := strings.Split(text, ";")
	if last := len(parts) - 1; trim(parts[last]) == "" { // the record may end with a semicolon
		parts = parts[:last]
	}
	for _, part := range parts {
		name, value, ok := strings.Cut(part, "=")
		name, value = trim(name), trim(value)
		if !ok || !isAlphanumeric(name) || strings.ContainsFunc(value, notPrintable) {
			return nil, fmt.Errorf("%q is not of the form name=value", part)
		}
		if _, twice := tags[name]; twice && (name == "v" || name == "a" || name == "d") {
			return nil, fmt.Errorf("%s= appears twice", name)
		}
		tags[name] = value
	}
	switch {
	case tags["v"] != "UAAC1":
		return nil, errors.New("v=UAAC1 is missing")
	case tags["a"] != "sha256":
		return nil, errors.New("a=sha256 is missing")
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(tags["d"])
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("d= is not %d octets in base64", sha256.Size)
	}
	return sum, nil
}

func trim(s string) string { return strings.Trim(s, " \t") }

func isAlphanumeric(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9')
	})
}

// notPrintable reports whether r is not allowed in a value: records are ASCII.
func notPrintable(r rune) bool { return r != '\t' && (r < ' ' || r > '~') }
