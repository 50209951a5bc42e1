package accounts

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"mailhint/untrusted"
)

// PrintAccounts prints accounts for people, in columns with a heading. It prints no secrets.
func PrintAccounts(w io.Writer, list []Account) error {
	rows := [][]string{{"NAME", "ROLE", "DOMAINS", "PROFILES", "CODES", "STATE"}}
	for _, a := range list {
		rows = append(rows, []string{a.Name, string(a.Role), names(a.Domains), names(a.Profiles), a.codes(), a.state()})
	}
	return printColumns(w, rows)
}

// codes says whether codes of an app are asked for, and how many recovery codes are left.
func (a Account) codes() string {
	if a.TOTP == "" {
		return "-"
	}
	return fmt.Sprintf("app, %d recovery", len(a.RecoveryCodes))
}

func (a Account) state() string {
	switch {
	case a.Disabled:
		return "disabled"
	case a.Password == "":
		return "no password"
	}
	return "active"
}

// PrintTokens prints tokens for people, in columns with a heading.
func PrintTokens(w io.Writer, list []Token, now time.Time) error {
	rows := [][]string{{"NAME", "ROLE", "DOMAINS", "PROFILES", "MADE BY", "EXPIRES", "LAST USED"}}
	for _, t := range list {
		rows = append(rows, []string{t.Name, string(t.Role), names(t.Domains), names(t.Profiles), t.maker(), t.expiry(now), t.LastUse.text()})
	}
	return printColumns(w, rows)
}

func (t Token) maker() string {
	if t.Parent != "" {
		return "token " + t.Parent
	}
	return cmp.Or(t.Creator, "command line")
}

func (t Token) expiry(now time.Time) string {
	switch {
	case t.Expires.IsZero():
		return "never"
	case !now.Before(t.Expires):
		return "expired " + t.Expires.Local().Format(time.DateTime)
	}
	return t.Expires.Local().Format(time.DateTime)
}

func (u Use) text() string {
	if u.Time.IsZero() {
		return "never"
	}
	text := u.Time.Local().Format(time.DateTime)
	if u.Address.IsValid() {
		text += " by " + u.Address.String()
	}
	return text
}

// names spells a list in a column: a long one is cut.
func names(list []string) string {
	const shown = 3
	if len(list) == 0 {
		return "-"
	}
	text := strings.Join(list[:min(shown, len(list))], ",")
	if more := len(list) - shown; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return untrusted.Printable(text)
}

func printColumns(w io.Writer, rows [][]string) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(columns, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return columns.Flush()
}

// PrintJSON prints accounts or tokens, an object on each line. It prints no secrets.
func PrintJSON[T Account | Token](w io.Writer, list []T) error {
	out := json.NewEncoder(untrusted.JSON(w))
	out.SetEscapeHTML(false)
	for _, v := range list {
		if err := out.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

// MarshalJSON leaves out everything that is secret, hashes included.
func (a Account) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Name          string    `json:"name"`
		Role          Role      `json:"role"`
		Domains       []string  `json:"domains,omitempty"`
		Profiles      []string  `json:"profiles,omitempty"`
		Password      bool      `json:"password"`
		Codes         bool      `json:"codes"`
		RecoveryCodes int       `json:"recovery_codes"`
		Disabled      bool      `json:"disabled"`
		Created       time.Time `json:"created,omitzero"`
		Revision      Revision  `json:"revision"`
	}{a.Name, a.Role, a.Domains, a.Profiles, a.Password != "", a.TOTP != "", len(a.RecoveryCodes), a.Disabled, a.Created, a.Revision})
}

// MarshalJSON leaves out the hash.
func (t Token) MarshalJSON() ([]byte, error) {
	last := &t.LastUse
	if last.Time.IsZero() {
		last = nil
	}
	return json.Marshal(struct {
		Name     string    `json:"name"`
		Role     Role      `json:"role"`
		Domains  []string  `json:"domains,omitempty"`
		Profiles []string  `json:"profiles,omitempty"`
		Creator  string    `json:"creator,omitempty"`
		Parent   string    `json:"parent,omitempty"`
		Created  time.Time `json:"created"`
		Expires  time.Time `json:"expires,omitzero"`
		LastUse  *Use      `json:"last_use,omitempty"`
	}{t.Name, t.Role, t.Domains, t.Profiles, t.Creator, t.Parent, t.Created, t.Expires, last})
}
