package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"mailhint/edits"
)

// The ETag of a record is its revision in quotation marks. A revision is opaque, so that characters which an ETag cannot have are spelled with a
// percent sign and two digits.

// etag returns the ETag of a revision; empty for a record that does not exist.
func etag(r edits.Revision) string {
	if r == edits.Absent {
		return ""
	}
	var b strings.Builder
	for _, c := range []byte(r) {
		if c <= ' ' || c == '"' || c == '%' || c == '*' || c == ',' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return `"` + b.String() + `"`
}

// revision reads an ETag.
func revision(tag string) (edits.Revision, bool) {
	inner, ok := strings.CutPrefix(tag, `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	if !ok || !closed || inner == "" || len(inner) > 600 {
		return "", false
	}
	var b []byte
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; {
		case c == '%':
			if i+2 >= len(inner) {
				return "", false
			}
			decoded, err := hex.DecodeString(inner[i+1 : i+3])
			if err != nil {
				return "", false
			}
			b = append(b, decoded...)
			i += 2
		case c <= ' ' || c == '"' || c == '*' || c == ',' || c >= 0x7f:
			return "", false
		default:
			b = append(b, c)
		}
	}
	return edits.Revision(b), true
}

// Revision returns the revision of an ETag; Absent for one that is not valid.
func Revision(tag string) edits.Revision {
	r, _ := revision(tag)
	return r
}

// addsNothing refuses If-None-Match in requests that cannot add a record, so that no condition of a client is ignored.
func addsNothing(r *http.Request) *Problem {
	if r.Method != http.MethodPatch && r.Method != http.MethodDelete || len(r.Header.Values("If-None-Match")) == 0 {
		return nil
	}
	return problem(http.StatusBadRequest, codeRequest, "If-None-Match is only for adding a record", "Send If-Match with the ETag of the record, and no If-None-Match.")
}

// expected reads the headers with which a change says which state of the record it is meant for. If-None-Match: * is for a record that is to be added.
func expected(ifMatch, ifNoneMatch string) (edits.Revision, error) {
	ifMatch, ifNoneMatch = strings.TrimSpace(ifMatch), strings.TrimSpace(ifNoneMatch)
	switch {
	case ifMatch != "" && ifNoneMatch != "":
		return "", problem(http.StatusBadRequest, codeRequest, "If-Match and If-None-Match exclude each other", "Send one of them.")
	case ifNoneMatch == "*":
		return edits.Absent, nil
	case ifNoneMatch != "":
		return "", problem(http.StatusBadRequest, codeRequest, "If-None-Match is only for adding a record, as If-None-Match: *", "Send If-Match with the ETag of the record.")
	case ifMatch == "" || ifMatch == "*":
		return "", noRevision()
	case strings.HasPrefix(ifMatch, "W/"):
		return "", problem(http.StatusPreconditionFailed, edits.RefusedConflict, "a weak ETag does not identify a state of the record", "Send the ETag as the server has sent it.")
	}
	r, ok := revision(ifMatch)
	if !ok {
		return "", problem(http.StatusBadRequest, codeRequest, "If-Match is not one valid ETag", `Send the ETag as the server has sent it, with its quotation marks: If-Match: "…".`)
	}
	return r, nil
}

// etagOf is the ETag of a document.
func etagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// matches reports whether an If-None-Match names an ETag.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
