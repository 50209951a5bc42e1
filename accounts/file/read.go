package file

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"mailhint/accounts"
	"mailhint/tomledit"
)

// content is what a text says.
type content struct {
	accounts map[string]accounts.Account // by name
	tokens   map[string]accounts.Token   // by hash
}

// document is the text as it is decoded.
type document struct {
	Users  map[string]userTable  `toml:"users"`
	Tokens map[string]tokenTable `toml:"tokens"`
}

// userTable is [users.NAME]; see accounts.Account.
type userTable struct {
	Role          accounts.Role `toml:"role"`
	Domains       []string      `toml:"domains"`
	Profiles      []string      `toml:"profiles"`
	Password      string        `toml:"password"`
	TOTP          string        `toml:"totp"`
	RecoveryCodes []string      `toml:"recovery_codes"`
	Disabled      bool          `toml:"disabled"`
	Created       time.Time     `toml:"created"`
}

// tokenTable is [tokens.NAME]; see accounts.Token.
type tokenTable struct {
	Role     accounts.Role `toml:"role"`
	Domains  []string      `toml:"domains"`
	Profiles []string      `toml:"profiles"`
	Hash     string        `toml:"hash"`
	Creator  string        `toml:"creator"`
	Parent   string        `toml:"parent"`
	Created  time.Time     `toml:"created"`
	Expires  time.Time     `toml:"expires"`
}

// parse reads a text. The error lists all mistakes, each with its line.
func parse(name string, text []byte) (content, error) {
	var d document
	decoder := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return content{}, syntaxError(name, err)
	}
	r := reader{name: name, lines: linesOf(text)}
	c := content{make(map[string]accounts.Account), make(map[string]accounts.Token)}
	for _, key := range slices.Sorted(maps.Keys(d.Users)) {
		c.accounts[key] = r.account(key, d.Users[key])
	}
	for _, key := range slices.Sorted(maps.Keys(d.Tokens)) {
		t := r.token(key, d.Tokens[key])
		if other, twice := c.tokens[t.Hash]; twice {
			r.fail(fmt.Errorf("is the same as that of token %s; remove one", other.Name), "tokens", key, "hash")
		}
		c.tokens[t.Hash] = t
	}
	return c, errors.Join(r.mistakes...)
}

// syntaxError says where a text cannot be read. It never quotes it.
func syntaxError(name string, err error) error {
	if unknown := (*toml.StrictMissingError)(nil); errors.As(err, &unknown) {
		var list []error
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			list = append(list, fmt.Errorf("%s:%d: %s: unknown key", name, line, spell(e.Key())))
		}
		return errors.Join(list...)
	}
	if wrong := (*toml.DecodeError)(nil); errors.As(err, &wrong) {
		line, _ := wrong.Position()
		if key := wrong.Key(); len(key) > 0 {
			return fmt.Errorf("%s:%d: %s: not valid: it appears twice, or is not a value of the right type", name, line, spell(key))
		}
		return fmt.Errorf("%s:%d: not valid TOML", name, line)
	}
	return fmt.Errorf("%s: not valid: a table or value has the wrong type", name)
}

// reader collects mistakes.
type reader struct {
	name     string
	lines    map[string]int // of each key, by spell
	mistakes []error
}

func (r *reader) fail(err error, path ...string) {
	if err == nil {
		return
	}
	line := 0
	for p := path; line == 0 && len(p) > 0; p = p[:len(p)-1] {
		line = r.lines[spell(p)]
	}
	r.mistakes = append(r.mistakes, fmt.Errorf("%s:%d: %s: %w", r.name, line, spell(path), err))
}

func (r *reader) account(name string, u userTable) accounts.Account {
	r.fail(textOf(accounts.CheckName(name)), "users", name)
	a := accounts.Account{Name: name, Role: u.Role, Profiles: u.Profiles, Password: u.Password, TOTP: u.TOTP, RecoveryCodes: u.RecoveryCodes, Disabled: u.Disabled, Created: u.Created}
	a.Domains = r.grant([]string{"users", name}, u.Role, u.Domains, u.Profiles)
	if u.Password != "" {
		r.fail(accounts.CheckHash(u.Password), "users", name, "password")
	}
	if u.TOTP != "" {
		r.fail(accounts.CheckTOTP(u.TOTP), "users", name, "totp")
	}
	a.Revision = revisionOf(a)
	return a
}

func (r *reader) token(name string, t tokenTable) accounts.Token {
	r.fail(textOf(accounts.CheckName(name)), "tokens", name)
	if raw, err := hex.DecodeString(t.Hash); err != nil || len(raw) != sha256.Size || strings.ToLower(t.Hash) != t.Hash {
		r.fail(errors.New("not the hash of a token; make tokens with mailhint token add"), "tokens", name, "hash")
	}
	return accounts.Token{Name: name, Hash: t.Hash, Role: t.Role, Domains: r.grant([]string{"tokens", name}, t.Role, t.Domains, t.Profiles), Profiles: t.Profiles, Creator: t.Creator, Parent: t.Parent, Created: t.Created, Expires: t.Expires}
}

// grant checks role, domains and profiles of a table, and returns the domains in their normal form.
func (r *reader) grant(path []string, role accounts.Role, domains, profiles []string) []string {
	normal, err := accounts.CheckGrant(role, domains, profiles)
	if invalid := (*accounts.InvalidError)(nil); errors.As(err, &invalid) {
		r.fail(errors.New(invalid.Text), append(slices.Clone(path), invalid.Field)...)
	} else {
		r.fail(err, path...)
	}
	return normal
}

// textOf is an error without the field that it is about: the path says that.
func textOf(err error) error {
	if invalid := (*accounts.InvalidError)(nil); errors.As(err, &invalid) {
		return errors.New(invalid.Text)
	}
	return err
}

// revisionOf identifies what an account is.
func revisionOf(a accounts.Account) accounts.Revision {
	text := fmt.Sprintf("%s\n%q", a.Stamp(), a.RecoveryCodes)
	sum := sha256.Sum256([]byte(text))
	return accounts.Revision(hex.EncodeToString(sum[:16]))
}

func spell(path []string) string {
	var parts []string
	for _, p := range path {
		parts = append(parts, tomledit.QuoteKey(p))
	}
	return strings.Join(parts, ".")
}

// linesOf returns the line on which each key of a valid text is written.
func linesOf(text []byte) map[string]int {
	lines := make(map[string]int)
	var p unstable.Parser
	p.Reset(text)
	var table []string
	for p.NextExpression() {
		e := p.Expression()
		var key []string
		line := 0
		for it := e.Key(); it.Next(); {
			if line == 0 {
				line = p.Shape(it.Node().Raw).Start.Line
			}
			key = append(key, string(it.Node().Data))
		}
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = key
		case unstable.KeyValue:
			key = append(slices.Clone(table), key...)
		default:
			continue
		}
		if _, known := lines[spell(key)]; !known {
			lines[spell(key)] = line
		}
	}
	return lines
}
