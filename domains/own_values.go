package domains

import (
	"slices"
	"strings"
)

// CheckValues returns what is wrong with the keys and values of a domain or profile on its own: keys that do not exist, values of another
// type, servers that contradict themselves. Whether other tables have what it refers to, whether its names are free, and whether it is
// complete, only Read can tell. The values are as Record has them; the problems have no position.
func CheckValues(kind RecordKind, name string, values map[string]any) Problems {
	src := noSource()
	src.hint = unknownKey
	src.table([]string{tableOf[kind], name}, values).checkOwn(kind)
	return *src.problems
}

// tableOf is the table that has the tables of records.
var tableOf = map[RecordKind]string{DomainRecord: "domains", ProfileRecord: "profiles"}

// checkOwn reads a table for its mistakes only.
func (t *table) checkOwn(kind RecordKind) {
	t.readLayer()
	switch kind {
	case DomainRecord:
		readKeys(t, domainKeys, new(domainValues))
		for _, rule := range t.tables("rules") {
			rule.readLayer()
			readKeys(rule, ruleKeys, new(ruleValues))
			rule.done()
		}
	case ProfileRecord:
		var v profileValues
		readKeys(t, profileKeys, &v)
		for i, name := range v.domains {
			if _, err := parseDomain(name); err != nil {
				t.failElement("domains", i, "%v", err)
			}
		}
	}
	t.done()
}

// CheckLimits refuses a text that would keep a TOML decoder busy for long: one that is too large, too deep or has too long keys. Every text from
// outside must be checked before it is decoded.
func CheckLimits(text string) error {
	_, err := checkLimits(text)
	return err
}

// ReadRecords reads the tables of domains and profiles in a text of the format of domains.toml that stands for itself: it does not open the
// files that the text names, and does not check what CheckValues does not. Other tables are problems. All mistakes are reported, with the
// given name of the text and their lines, and the records are in the order of the text.
func ReadRecords(name, text string) ([]Record, Problems) {
	l := newLoader()
	l.given = map[string]string{name: text}
	main, ok := l.parse(name, MainFile, "")
	if !ok {
		return nil, l.problems.sorted()
	}
	readKeys(main, topKeys[:1], new(topValues)) // the version
	var records []Record
	for _, kind := range []RecordKind{ProfileRecord, DomainRecord} {
		above, ok := main.table(tableOf[kind])
		if !ok {
			continue
		}
		for _, t := range above.children() {
			if kind == DomainRecord && l.isUnquoted(t) {
				continue
			}
			t.checkOwn(kind)
			r := Record{Kind: kind, Name: t.name(), Path: t.path, Values: listsAsAny(t.values), Position: t.at(), Enabled: t.values["enabled"] != false}
			if kind == DomainRecord {
				if err := checkName(t.name()); err != nil {
					t.fail("", "%v", err)
				}
				r.Name = domainName(t)
			}
			r.Profile, _ = t.values["profile"].(string)
			records = append(records, r)
		}
	}
	for _, key := range sortedKeys(main.values) {
		switch {
		case slices.Contains(main.asked, key):
		case slices.Contains([]string{"server", "defaults", "fallback", "lookups", "include"}, key):
			main.fail(key, "does not belong to the records of domains and profiles; leave it in the main file of the configuration, and out of this text")
			main.value(key)
		}
	}
	main.done()
	slices.SortStableFunc(records, func(a, b Record) int { return a.Line - b.Line })
	return records, l.problems.sorted()
}

// checkName reports whether a table may have the name of a domain or a wildcard.
func checkName(name string) error {
	base, _ := strings.CutPrefix(name, "*.")
	_, err := parseDomain(base)
	return err
}
