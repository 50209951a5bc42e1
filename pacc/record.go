package pacc

import (
	"crypto/sha256"
	"encoding/base64"
)

// Record returns the content of the TXT record at _ua-auto-config.D that goes with a document. Whoever changes a document
// publishes the new record beside the old one first, and takes the old one away when no cache holds the old document.
func Record(body []byte) string { return "v=UAAC1; a=sha256; d=" + digest(body) }

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}
