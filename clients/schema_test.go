package clients_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The grammars in testdata, one for each kind of answer.
const (
	autoconfigSchema   = "autoconfig.rng"
	autodiscoverSchema = "autodiscover.rng"
)

// validate fails the test if a document does not follow a schema of testdata. Without xmllint only the validation is skipped, and the test's
// output says so.
func validate(t testing.TB, schema string, doc []byte) {
	t.Helper()
	withXMLLint(t, "valid against "+schema, func(t testing.TB) {
		if faults := lint(t, schema, doc); faults != "" {
			t.Errorf("does not follow %s:\n%s\n%s", schema, faults, doc)
		}
	})
}

// withXMLLint runs a check as a subtest, which is skipped if xmllint is missing; benchmarks and fuzz tests leave it out.
func withXMLLint(t testing.TB, name string, check func(testing.TB)) {
	t.Helper()
	_, missing := exec.LookPath("xmllint")
	switch tt, ok := t.(*testing.T); {
	case ok:
		tt.Run(name, func(t *testing.T) {
			t.Parallel()
			if missing != nil {
				t.Skip("xmllint is not installed; on Debian it is in libxml2-utils")
			}
			check(t)
		})
	case missing == nil:
		check(t)
	}
}

// lint returns what is wrong with a document according to xmllint, or "".
func lint(t testing.TB, schema string, doc []byte) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "xmllint", "--noout", "--nonet", "--relaxng", filepath.Join("testdata", schema), "-")
	cmd.Stdin = bytes.NewReader(doc)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	// 1 is malformed XML, 3 and 4 an invalid document; anything else is a problem with our schema or xmllint itself.
	if code := cmd.ProcessState.ExitCode(); code != 1 && code != 3 && code != 4 {
		t.Fatalf("xmllint: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// edit is a named change to a good document: pairs of old and new text.
type edit struct {
	name  string
	pairs []string
}

func TestSchemasAccept(t *testing.T) {
	for _, doc := range []struct{ name, schema, text string }{
		{"version 1.1", autoconfigSchema, minimalConfig},
		{"version 1.2", autoconfigSchema, config12(t)},
		{"JMAP alone needs no version 1.2", autoconfigSchema, edited(t, minimalConfig, smtp465, jmapServer+smtp465)},
		{"fallback with STARTTLS", autoconfigSchema, edited(t, minimalConfig, imap993, imap993+imap143)},
		{"no outgoing server", autoconfigSchema, edited(t, minimalConfig, smtp465, "")},
		{"POP3 only", autoconfigSchema, edited(t, minimalConfig, imap993, "")},
		{"own port", autoconfigSchema, edited(t, minimalConfig, "993", "10993")},
		{"cleartext", autoconfigSchema, edited(t, minimalConfig, "993", "143", "SSL", "plain")},
		{"A-labels", autoconfigSchema, edited(t, minimalConfig, ">example.com<", ">xn--bcher-kva.example<")},
		{"name of 60 umlauts", autoconfigSchema, edited(t, minimalConfig, "Example Mail", strings.Repeat("ä", 60))},
		{"literal user name", autoconfigSchema, edited(t, minimalConfig, "%EMAILADDRESS%", `LAB\%EMAILLOCALPART%`)},
		{"Outlook settings", autodiscoverSchema, outlookSettings},
		{"Outlook settings with a fallback", autodiscoverSchema, edited(t, outlookSettings, "</Protocol>\n      ", "</Protocol>\n      "+poxIMAP143)},
		{"Outlook settings for nobody in particular", autodiscoverSchema, anonymous(t)},
		{"Outlook settings without encryption", autodiscoverSchema, edited(t, outlookSettings, "993", "143", ">on<", ">off<", ">SSL<", ">None<")},
		{"mobilesync settings", autodiscoverSchema, mobileSyncSettings},
		{"error", autodiscoverSchema, requestError},
		{"mobilesync error", autodiscoverSchema, mobileSyncError},
	} {
		t.Run(doc.name, func(t *testing.T) { validate(t, doc.schema, []byte(doc.text)) })
	}
}

// anonymous returns outlookSettings as the answer to a GET, which has no address.
func anonymous(t testing.TB) string {
	const login = "<LoginName>fred@example.com</LoginName>\n        "
	_, user, _ := strings.Cut(outlookSettings, "<User>")
	user, _, _ = strings.Cut(user, "</User>")
	return edited(t, outlookSettings, "<User>"+user+"</User>", "<User/>", login, "", login, "")
}

func TestSchemasRefuse(t *testing.T) {
	for _, good := range []struct {
		name, schema, doc string
		edits             []edit
	}{
		{"config-v1.1.xml", autoconfigSchema, minimalConfig, badConfigs},
		{"config-v1.1.xml 1.2", autoconfigSchema, config12(t), badConfigs12},
		{"Outlook settings", autodiscoverSchema, outlookSettings, badOutlookSettings},
		{"mobilesync settings", autodiscoverSchema, mobileSyncSettings, badMobileSync},
		{"error", autodiscoverSchema, requestError, badErrors},
	} {
		t.Run(good.name, func(t *testing.T) {
			for _, bad := range good.edits {
				t.Run(bad.name, func(t *testing.T) {
					doc := edited(t, good.doc, bad.pairs...)
					if _, err := parse([]byte(doc)); err != nil {
						t.Fatalf("the schema is not tested, because the XML is malformed: %v", err)
					}
					withXMLLint(t, "refused", func(t testing.TB) {
						if lint(t, good.schema, []byte(doc)) == "" {
							t.Errorf("%s accepts it:\n%s", good.schema, doc)
						}
					})
				})
			}
		})
	}
}
