// Package mailhint_test checks that the structure of the project is as documented.
package mailhint_test

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ranks lists the packages from the bottom to the top. A package may import those of lower ranks only: packages on one line do
// not know each other.
var ranks = [][]string{
	{"untrusted", "spelling", "texts", "keypairs/keypairtest", "tomledit", "docs"},
	{"settings", "templates", "durable", "secretfile", "statedir", "resolver", "probe/probetest", "certs/pebbletest", "dnsupdate/knottest", "imports/mariadbtest", "postgres/postgrestest", "lab/visit"},
	{"edge"},
	{"logins"},
	{"logins/file", "logins/ldap", "logins/ldap/slapdtest", "logins/sql"},
	{"autoconfig", "autodiscover", "mobileconfig", "pacc", "wellknown", "dnsrecords", "domains", "probe", "exchangers", "certs", "listen", "keypairs"},
	{"ispdb", "edge/edgetest", "edits", "dnsupdate", "choices", "oauth", "accounts"},
	{"filestore", "postgres", "edits/storetest", "accounts/accountstest", "accounts/file", "accounts/oidc"},
	{"replica"},
	{"preview", "compare", "export", "imports", "help", "proxies", "monitor", "reference", "schema"},
	{"imports/importstest", "imports/database/databasetest", "imports/database", "imports/automx", "imports/csv", "imports/happydomain", "imports/live", "imports/monogramm", "imports/outlook", "imports/providers",
		"imports/srv"},
	{"imports/automx2", "imports/ispconfig", "imports/mailcow", "imports/modoboa", "imports/postfixadmin"},
	{"server", "doctor", "starter", "manual", "transfer"},
	{"admin"},
	{"admin/api", "admin/page"},
	{"admin/remote"},
	{"cmd/mailhint", "clients", "lab", "bench", "bench/bare", "packaging"},
}

func rankOf(name string) int {
	return slices.IndexFunc(ranks, func(rank []string) bool { return slices.Contains(rank, name) })
}

func TestImportsPointDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "mailhint/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name, ours := strings.CutPrefix(fields[0], "mailhint/")
		if !ours {
			continue // the root, which has only this test
		}
		seen++
		rank := rankOf(name)
		if rank < 0 {
			t.Errorf("package %s has no rank; add it to ranks, and to docs/architecture.md", name)
		}
		for _, imported := range fields[1:] {
			if below, ours := strings.CutPrefix(imported, "mailhint/"); ours && rankOf(below) >= rank {
				t.Errorf("%s imports %s, which is not below it", name, below)
			}
		}
	}
	if seen < len(slices.Concat(ranks...)) {
		t.Errorf("go list found %d packages, ranks has %d", seen, len(slices.Concat(ranks...)))
	}
}

// The folders are explained in one place, docs/architecture.md.
func TestArchitectureListsEveryPackage(t *testing.T) {
	text, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n## The folders\n")
	_, rest, _ = strings.Cut(rest, "```text\n")
	list, _, _ := strings.Cut(rest, "```\n")
	for _, name := range slices.Concat(ranks...) {
		inList := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b`)
		if !inList.MatchString(list) {
			t.Errorf("docs/architecture.md does not list package %s under \"The folders\"", name)
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	for _, name := range slices.Concat(ranks...) {
		files, err := filepath.Glob(filepath.Join(name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		commented := false
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			commented = commented || f.Doc != nil
		}
		if !commented {
			t.Errorf("package %s has no comment that says what it is", name)
		}
	}
}

func TestModuleReplacesNothing(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "\nreplace") {
		t.Error("go.mod replaces a module; a clone elsewhere would build something else")
	}
}
