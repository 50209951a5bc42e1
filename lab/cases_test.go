//go:build linux

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// testcase is a domain and what doctor must say about it. It is read from testdata/cases/NAME.txt, whose domain is NAME.example: a
// comment, then any of these sections, with DOMAIN for the domain. What is not mentioned is good.
//
//	-- domains.toml --  lines of the domain's entry. Without imap and smtp, they are the good hoster's servers, or, with a section
//	                    servers, the domain's own host mail.DOMAIN
//	-- zone --          changes to what "mailhint dns" prints: "- NAME TYPE" removes records, "+ NAME TYPE DATA" adds one
//	-- servers --       what is wrong with mail.DOMAIN: "PORT FAULT", "cert FLAW", "auth METHOD" or "ipv6 FAULT", see servers_test.go
//	-- setup --         what is in front of mailhint: see web_test.go
//	-- site --          what the web site of the bare domain does: see web_test.go
//	-- ispdb --         the ISPDB's entry for the domain
//	-- want --          a line for each code, optionally with a text that the subject of one of its findings must contain; "warning" before
//	                    it if that is all it is
type testcase struct {
	name, domain string
	entry, zone  []string
	servers      []string
	setup, site  []string
	ispdb        string
	want         []string // lines "CODE" or "CODE TEXT", maybe with "warning " before it

	mail  *mailHost // nil if it has none of its own
	front string    // address of what is in front of mailhint; empty if nothing is
	web   string    // address of the bare domain's web site
}

// readCases reads all of testdata/cases.
func readCases(t testing.TB) []*testcase {
	t.Helper()
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var cases []*testcase
	for _, file := range files {
		c, err := readCase(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases = append(cases, c)
	}
	return cases
}

// theDomain is not that in %EMAILDOMAIN%.
var theDomain = regexp.MustCompile(`\bDOMAIN\b`)

func readCase(file string) (*testcase, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &testcase{name: strings.TrimSuffix(filepath.Base(file), ".txt")}
	c.domain = c.name + ".example"
	archive := txtar.Parse(theDomain.ReplaceAll(text, []byte(c.domain)))
	if len(archive.Comment) == 0 {
		return nil, fmt.Errorf("begin with a comment that says what is wrong and how it happens")
	}
	sections := map[string]*[]string{
		"domains.toml": &c.entry, "zone": &c.zone, "servers": &c.servers, "setup": &c.setup, "site": &c.site, "want": &c.want,
	}
	for _, f := range archive.Files {
		if f.Name == "ispdb" {
			c.ispdb = string(f.Data)
			continue
		}
		section := sections[f.Name]
		if section == nil {
			return nil, fmt.Errorf("unknown section %q", f.Name)
		}
		*section = []string{} // the section exists, even if nothing is wrong
		for line := range strings.Lines(string(f.Data)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				*section = append(*section, line)
			}
		}
	}
	return c, nil
}

// toml is the part of domains.toml about the case.
func (c *testcase) toml() string {
	host := goodHost
	if c.mail != nil {
		host = c.mail.name
	}
	return fmt.Sprintf("[profiles.%[1]q]\nimap = %[2]q\nsmtp = %[2]q\n\n[domains.%[3]q]\nprofile = %[1]q\n%[4]s\n\n",
		c.name, host, c.domain, strings.Join(c.entry, "\n"))
}

// setupName is the name that the domain's records point to.
func (c *testcase) setupName() string {
	if c.front == "" {
		return setupHost
	}
	return "setup." + c.domain
}

// wanted is what a line of the section want asks for.
func wanted(line string) (severity, code, subject string) {
	severity = "problem"
	if rest, ok := strings.CutPrefix(line, "warning "); ok {
		severity, line = "warning", rest
	}
	code, subject, _ = strings.Cut(line, " ")
	return severity, code, subject
}

// codes are those that doctor must report, with their severities, each once.
func (c *testcase) codes() []string {
	var codes []string
	for _, line := range c.want {
		severity, code, _ := wanted(line)
		codes = append(codes, code+" "+severity)
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
