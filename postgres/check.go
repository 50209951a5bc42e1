package postgres

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/settings"
	"mailhint/tomledit"
)

// place is where problems of records are.
var place = domains.Position{File: domains.StorePlace}

// enoughProblems ends a check: nobody reads more.
const enoughProblems = 50

// checker checks changes before they are written, with the files and those rows that they concern.
type checker struct {
	tx       pgx.Tx
	files    *domains.Snapshot
	changes  []change
	byRef    map[edits.Ref]*change
	base     *domains.Base                // with the profiles that the changes use, as they will be
	tables   map[string]*domains.Resolved // what the domains of the set will answer
	problems domains.Problems
}

// check returns the configuration with the changes, as far as it concerns their domains, or domains.Problems.
func check(ctx context.Context, tx pgx.Tx, files *domains.Snapshot, changes []change) (*domains.Snapshot, error) {
	c := &checker{tx: tx, files: files, changes: changes, byRef: make(map[edits.Ref]*change), base: files.Base(), tables: make(map[string]*domains.Resolved)}
	for i := range changes {
		c.byRef[changes[i].Ref] = &changes[i]
		c.checkForm(changes[i].Edit)
	}
	for _, step := range []func(context.Context) error{c.readProfiles, c.resolve, c.checkNames, c.checkWildcards, c.checkRemovedProfiles, c.checkInheritors} {
		if len(c.problems) >= enoughProblems {
			break
		}
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return files.With(domains.NewRecordSet(c.tables)), nil
}

// key spells the table of a record for problems.
func key(ref edits.Ref) string {
	if ref.Kind == edits.Profile {
		return "profiles." + tomledit.QuoteKey(ref.Name)
	}
	return "domains." + tomledit.Quote(ref.Name)
}

func (c *checker) note(ref edits.Ref, below, format string, args ...any) {
	c.problems = append(c.problems, domains.Problem{Position: place, Key: key(ref) + below, Text: fmt.Sprintf(format, args...)})
}

// checkForm checks what no table of domains.toml could have.
func (c *checker) checkForm(e edits.Edit) {
	switch {
	case e.Kind != edits.Domain && e.Kind != edits.Profile:
		c.note(e.Ref, "", "%q is neither a domain nor a profile", e.Kind)
	case e.Kind == edits.Profile && (e.Name == "" || !utf8.ValidString(e.Name) || strings.ContainsFunc(e.Name, unicode.IsControl)):
		c.note(e.Ref, "", "is not a valid name of a profile")
	case e.List != "":
		c.note(e.Ref, "", "a database keeps no lists of names; give the domain profile = %s", tomledit.Quote(e.List))
	case e.Kind == edits.Profile && e.Values != nil && c.files.Base().HasProfile(e.Name):
		c.note(e.Ref, "", "is already defined at %s; remove one of them", c.files.ProfileAt(e.Name))
	}
}

// readProfiles makes the base of the domains: the profiles of the files, and those of the database that the changes make, change or use.
func (c *checker) readProfiles(ctx context.Context) error {
	used := make(map[string]bool)
	for _, change := range c.changes {
		for _, name := range profilesIn(change.Values) {
			used[name] = true
		}
	}
	for ref := range c.byRef {
		if ref.Kind == edits.Profile {
			delete(used, ref.Name)
		}
	}
	found, err := readRecords(ctx, c.tx, refs(edits.Profile, used))
	if err != nil {
		return err
	}
	for ref, r := range found {
		c.addProfile(ref, r.Values, false)
	}
	for _, change := range c.changes {
		if change.Kind == edits.Profile && change.Values != nil {
			c.addProfile(change.Ref, change.Values, true)
		}
	}
	return nil
}

// refs are edits that only name records.
func refs(kind edits.Kind, names map[string]bool) []edits.Edit {
	var list []edits.Edit
	for name := range names {
		list = append(list, edits.Edit{Ref: edits.Ref{Kind: kind, Name: name}})
	}
	return list
}

// addProfile adds a profile to the base. What is wrong with one that the set does not change is for its users to know: it is missing.
func (c *checker) addProfile(ref edits.Ref, values edits.Values, isChanged bool) {
	if c.files.Base().HasProfile(ref.Name) {
		return
	}
	next, failed := c.base.With(map[string]map[string]any{ref.Name: values})
	if problems := failed[ref.Name]; len(problems) == 0 {
		c.base = next
	} else if isChanged {
		c.problems = append(c.problems, problems...)
	}
}

// profilesIn returns the profiles that the values of a domain name, also in rules.
func profilesIn(values edits.Values) []string {
	var names []string
	if name, ok := values["profile"].(string); ok {
		names = append(names, name)
	}
	rules, _ := values["rules"].([]any)
	for _, rule := range rules {
		if rule, ok := rule.(map[string]any); ok {
			if name, ok := rule["profile"].(string); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// resolve reads the domains of the set as a server does.
func (c *checker) resolve(context.Context) error {
	shared := make(map[string]*domains.Resolved) // by profile: for all domains that have nothing else
	for _, change := range c.changes {
		if change.Kind != edits.Domain || change.Values == nil {
			continue
		}
		isPlain := change.row.own == nil && change.row.profile != nil
		if isPlain {
			if r := shared[*change.row.profile]; r != nil && r.Suits(change.Name) {
				c.tables[change.Name] = r
				continue
			}
		}
		r, problems := c.base.Resolve(change.Name, change.Values)
		c.problems = append(c.problems, problems...)
		if len(c.problems) >= enoughProblems {
			return nil
		}
		if r == nil {
			continue
		}
		if isPlain {
			if shared[*change.row.profile] == nil {
				shared[*change.row.profile] = r.Shared()
			}
			r = shared[*change.row.profile]
		}
		c.tables[change.Name] = r
	}
	return nil
}

// names returns the names that the domains of the set claim, and whose they are. Two that claim the same are noted.
func (c *checker) names() (names []string, aliases []string, owner map[string]string) {
	owner = make(map[string]string)
	claim := func(name, by string) {
		if other, taken := owner[name]; taken && other != by {
			c.note(edits.Ref{Kind: edits.Domain, Name: by}, "", "%s is already defined by %s; remove one of them", name, other)
			return
		}
		owner[name] = by
	}
	for _, change := range c.changes {
		if change.Kind == edits.Domain && change.Values != nil {
			names = append(names, change.Name)
			claim(change.Name, change.Name)
		}
	}
	for _, change := range c.changes {
		for _, alias := range aliasesOf(change.Ref, change.Values) {
			aliases = append(aliases, string(alias))
			claim(string(alias), change.Name)
		}
	}
	return names, aliases, owner
}

// checkNames refuses names that another domain has, in the database or in the files.
func (c *checker) checkNames(ctx context.Context) error {
	names, aliases, owner := c.names()
	for name, by := range owner {
		if at, taken := c.files.Claimed(name); taken {
			c.note(edits.Ref{Kind: edits.Domain, Name: by}, c.belowOf(name, by), "%s is already defined at %s; remove one of them", name, at)
		}
	}
	rows, err := c.tx.Query(ctx, `SELECT name, domain FROM mailhint.aliases WHERE name = ANY($1) AND domain <> ALL($3)
		UNION SELECT name, name FROM mailhint.records WHERE kind = 'domain' AND name = ANY($2) AND name <> ALL($3)`,
		append(valid(names), valid(aliases)...), valid(aliases), c.changedDomains())
	if err != nil {
		return err
	}
	return c.eachPair(rows, func(name, other string) {
		by := owner[name]
		text := "%s is already a domain of the store; remove one of them"
		if other != name {
			text = "%s is already an alias of " + strings.ReplaceAll(other, "%", "%%") + " in the store; remove one of them"
		}
		c.note(edits.Ref{Kind: edits.Domain, Name: by}, c.belowOf(name, by), text, name)
	})
}

// belowOf is the key of a claim.
func (c *checker) belowOf(name, by string) string {
	if name != by {
		return ".aliases"
	}
	return ""
}

// valid returns the texts that a database can have.
func valid(names []string) []string {
	list := make([]string, 0, len(names))
	for _, name := range names {
		if utf8.ValidString(name) && !strings.Contains(name, "\x00") {
			list = append(list, name)
		}
	}
	return list
}

func (c *checker) changedDomains() []string {
	names := domainNames(c.changes)
	return valid(names)
}

func (c *checker) eachPair(rows pgx.Rows, call func(a, b string)) error {
	var a, b string
	_, err := pgx.ForEachRow(rows, []any{&a, &b}, func() error {
		call(a, b)
		return nil
	})
	return err
}

// checkWildcards refuses aliases that a wildcard matches: names are looked up by exact name, wildcard, alias, so they would not be reached.
func (c *checker) checkWildcards(ctx context.Context) error {
	above := make(map[string]map[string]string) // by wildcard: the aliases below it, and whose they are
	for _, change := range c.changes {
		for _, alias := range aliasesOf(change.Ref, change.Values) {
			for wildcard := range wildcardsOver(alias) {
				if above[wildcard] == nil {
					above[wildcard] = make(map[string]string)
				}
				above[wildcard][string(alias)] = change.Name
			}
		}
	}
	note := func(wildcard, at string) {
		for alias, by := range above[wildcard] {
			c.note(edits.Ref{Kind: edits.Domain, Name: by}, ".aliases", "%s is matched by the wildcard %s%s, which takes precedence over an alias; add a domain %s instead", alias, wildcard, at, alias)
		}
	}
	var names []string
	for wildcard := range above {
		names = append(names, wildcard)
		if at, there := c.files.Claimed(wildcard); there {
			note(wildcard, " at "+at.String())
		}
		if change := c.byRef[edits.Ref{Kind: edits.Domain, Name: wildcard}]; change != nil && change.Values != nil {
			note(wildcard, "")
		}
	}
	rows, err := c.tx.Query(ctx, "SELECT name, name FROM mailhint.records WHERE kind = 'domain' AND name = ANY($1) AND name <> ALL($2)", valid(names), c.changedDomains())
	if err != nil {
		return err
	}
	if err := c.eachPair(rows, func(wildcard, _ string) { note(wildcard, "") }); err != nil {
		return err
	}
	return c.checkAliasesBelow(ctx)
}

// checkAliasesBelow refuses wildcards above aliases that there are.
func (c *checker) checkAliasesBelow(ctx context.Context) error {
	for _, change := range c.changes {
		base, isWildcard := strings.CutPrefix(change.Name, "*.")
		if change.Kind != edits.Domain || !isWildcard || change.Values == nil || change.before != nil {
			continue
		}
		rows, err := c.tx.Query(ctx, `SELECT name, domain FROM mailhint.aliases WHERE reverse(name) COLLATE "C" LIKE reverse($1) || '%' AND domain <> ALL($2) ORDER BY name LIMIT 100`,
			"."+base, c.changedDomains())
		if err != nil {
			return err
		}
		err = c.eachPair(rows, func(alias, by string) {
			for wildcard := range wildcardsOver(settings.Domain(alias)) {
				if wildcard == change.Name {
					c.note(change.Ref, "", "matches %s, an alias of %s, over which it would take precedence; add a domain %s instead of the alias", alias, by, alias)
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wildcardsOver yields the wildcards that would match a name.
func wildcardsOver(d settings.Domain) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			if settings.DomainOfServiceHost(string(d)) != "" {
				return
			}
			parent, ok := d.Parent()
			if !ok || !yield("*."+string(parent)) {
				return
			}
			d = parent
		}
	}
}

// usesProfile is the condition that a domain inherits from the profile $1.
const usesProfile = `r.kind = 'domain' AND (r.profile = $1 OR r.own ? 'rules' AND (r.own -> 'rules') @> jsonb_build_array(jsonb_build_object('profile', $1::text)))`

// checkRemovedProfiles refuses the removal of profiles that domains inherit from. Those of the set have been resolved without it.
func (c *checker) checkRemovedProfiles(ctx context.Context) error {
	for _, change := range c.changes {
		if change.Kind != edits.Profile || change.Values != nil {
			continue
		}
		rows, err := c.tx.Query(ctx, "SELECT r.name, r.name FROM mailhint.records r WHERE "+usesProfile+" AND r.name <> ALL($2) LIMIT 3", change.Name, c.changedDomains())
		if err != nil {
			return err
		}
		var users []string
		if err := c.eachPair(rows, func(name, _ string) { users = append(users, name) }); err != nil {
			return err
		}
		if users != nil {
			c.note(change.Ref, "", "domains inherit from the profile %s, such as %s; change or remove them first", change.Name, strings.Join(users, ", "))
		}
	}
	return nil
}

// checkInheritors checks the domains that inherit from a profile that changes: one of those that have nothing else, those that it may redirect to, and each of
// the others.
func (c *checker) checkInheritors(ctx context.Context) error {
	for _, change := range c.changes {
		if change.Kind != edits.Profile || change.Values == nil || change.before == nil {
			continue
		}
		if err := c.checkInheritorsOf(ctx, change.Name, redirectedTo(change.Values)); err != nil || len(c.problems) >= enoughProblems {
			return err
		}
	}
	return nil
}

// redirectedTo returns the domains that a redirect of Autodiscover to itself could be of.
func redirectedTo(profile edits.Values) []string {
	text, _ := profile["autodiscover"].(string)
	u, err := url.Parse(strings.TrimPrefix(text, "redirect:"))
	if err != nil { // it has been reported
		return []string{}
	}
	host := strings.ToLower(u.Hostname())
	return valid([]string{host, strings.TrimPrefix(host, settings.AutodiscoverPrefix)})
}

func (c *checker) checkInheritorsOf(ctx context.Context, profile string, redirected []string) error {
	rows, err := c.tx.Query(ctx, "(SELECT "+columns+" FROM mailhint.records r WHERE r.profile = $1 AND r.own IS NULL AND r.name <> ALL($2) AND r.name <> ALL($3) LIMIT 1)"+
		" UNION ALL (SELECT "+columns+" FROM mailhint.records r WHERE r.kind = 'domain' AND r.name = ANY($3) AND r.profile = $1 AND r.own IS NULL AND r.name <> ALL($2))"+
		" UNION ALL (SELECT "+columns+" FROM mailhint.records r WHERE "+usesProfile+" AND r.own IS NOT NULL AND r.name <> ALL($2))", profile, c.changedDomains(), redirected)
	if err != nil {
		return err
	}
	defer rows.Close()
	var others []edits.Record // those with rules that name profiles that have not been read
	missing := make(map[string]bool)
	for rows.Next() && len(c.problems) < enoughProblems {
		r, err := scanRecord(rows)
		if err != nil {
			return err
		}
		isMissing := false
		for _, name := range profilesIn(r.Values) {
			if !c.base.HasProfile(name) {
				missing[name], isMissing = true, true
			}
		}
		if isMissing {
			others = append(others, r)
			continue
		}
		_, problems := c.base.Resolve(r.Name, r.Values)
		c.problems = append(c.problems, problems...)
	}
	if err := rows.Err(); err != nil || others == nil {
		return err
	}
	rows.Close()
	return c.checkOthers(ctx, others, missing)
}

// checkOthers checks domains that need profiles that have not been read.
func (c *checker) checkOthers(ctx context.Context, list []edits.Record, profiles map[string]bool) error {
	found, err := readRecords(ctx, c.tx, refs(edits.Profile, profiles))
	if err != nil {
		return err
	}
	for ref, r := range found {
		c.addProfile(ref, r.Values, false)
	}
	for _, r := range list {
		_, problems := c.base.Resolve(r.Name, r.Values)
		if c.problems = append(c.problems, problems...); len(c.problems) >= enoughProblems {
			break
		}
	}
	return nil
}
