package domains

import (
	"fmt"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"

	"mailhint/settings"
	"mailhint/spelling"
)

// layer is what one table says about settings: [defaults], a profile, a domain or a rule. Layers lie on top of each other, and for
// each key the topmost that has it wins: built-in < [defaults] < profile < domain < rule. Lists are not merged.
type layer struct {
	values
	at places

	misspelled bool // there is an unknown key that probably means imap, pop3 or smtp
}

// values are the values of settingKeys.
type values struct {
	settings.Settings // its Servers are empty: they are in servers
	servers           [settings.ManageSieve + 1][]serverSpec
	allowPlaintext    settings.Networks
	editable          []string
	logo              string // an absolute path
}

// builtIn is the lowest layer.
var builtIn = func() *layer {
	v, at := defaultsOf(settingKeys)
	return &layer{values: v, at: at}
}()

// defaultsOf reads the defaults of keys.
func defaultsOf[S any](keys []key[S]) (s S, at places) {
	var text strings.Builder
	for _, k := range keys {
		if k.Default != "" {
			fmt.Fprintf(&text, "%s = %s\n", k.Name, k.Default)
		}
	}
	values := make(map[string]any)
	if _, err := toml.Decode(text.String(), &values); err != nil {
		panic(err) // keys.go does not change
	}
	t := noSource().table(nil, values)
	return s, readKeys(t, keys, &s)
}

// readLayersAhead reads the settings of many tables on all cores. Those with a mistake or a warning are left to readLayer, so that what it
// notes is in the order of the tables.
func readLayersAhead(tables []*table) {
	sources := sync.Pool{New: func() any { return noSource() }}
	onAllCores(len(tables), func(i int) {
		t, src := tables[i], sources.Get().(*source)
		src.file, src.lines = t.src.file, t.src.lines
		trial := table{src: src, path: t.path, values: t.values}
		if l := trial.readLayer(); len(*src.problems)+len(*src.warnings) == 0 {
			t.layer, t.asked, t.known = l, trial.asked, trial.known
			sources.Put(src)
		}
	})
}

// readLayer reads the settings of a table. What else the table may have is read by its reader.
func (t *table) readLayer() *layer {
	if t.layer != nil {
		return t.layer
	}
	l := &layer{misspelled: t.misspellsServers()}
	l.at = readKeys(t, settingKeys, &l.values)
	for i, name := range l.editable {
		if !editableKeys[name] {
			known := sortedKeys(editableKeys)
			t.failElement("editable", i, "unknown key %q%s", name, orList(didYouMean(name, known), known))
		}
	}
	return l
}

// editableKeys are those that [defaults] can allow admins of single domains to change.
var editableKeys = func() map[string]bool {
	names := make(map[string]bool)
	for _, k := range append(describe(settingKeys), describe(domainKeys)...) {
		if k.Editable {
			names[k.Name] = true
		}
	}
	return names
}()

// misspellsServers reports whether a key looks like one of those without which an entry is not complete, or is what other programs call
// them. The other keys of entries do not look like them, except jmap.
func (t *table) misspellsServers() bool {
	for key := range t.values {
		if looks, known := knownLooks[key]; known {
			if looks {
				return true
			}
			continue
		}
		if looksLikeServers(key) {
			return true
		}
	}
	return false
}

// knownLooks has what looksLikeServers says about the keys of entries, which are in every table.
var knownLooks = func() map[string]bool {
	looks := make(map[string]bool)
	for _, keys := range [][]Key{describe(settingKeys), describe(profileKeys), describe(domainKeys), describe(ruleKeys)} {
		for _, k := range keys {
			looks[k.Name] = looksLikeServers(k.Name)
		}
	}
	return looks
}()

func looksLikeServers(key string) bool {
	if strings.Contains(key, "host") || strings.Contains(key, "server") || strings.Contains(key, "incoming") || strings.Contains(key, "outgoing") {
		return true
	}
	switch nearest := spelling.Nearest(key, []string{"imap", "pop3", "smtp"}); {
	case nearest == "", nearest == key, key == "jmap":
	default:
		return true
	}
	return false
}

// over lays l on a lower layer, which may already be several.
func (l *layer) over(low *layer) *layer {
	both := &layer{values: low.values, at: make(places, 0, len(l.at)+len(low.at)), misspelled: l.misspelled || low.misspelled}
	own, inherited := l.at, low.at
	for i := range settingKeys { // both are in the order of these rows
		k := &settingKeys[i]
		takes := len(own) > 0 && own[0].key == k.Name
		if takes {
			k.copy(&l.values, &both.values)
			both.at, own = append(both.at, own[0]), own[1:]
		}
		if len(inherited) > 0 && inherited[0].key == k.Name {
			if !takes {
				both.at = append(both.at, inherited[0])
			}
			inherited = inherited[1:]
		}
	}
	return both
}

// has reports whether a key is set.
func (l *layer) has(key string) bool { return l.at.has(key) }

// settings returns the settings that a whole stack of layers comes to.
func (v *values) settings() *settings.Settings {
	s := v.Settings
	for _, specs := range v.servers {
		for _, spec := range specs {
			s.Servers = append(s.Servers, v.complete(spec))
		}
	}
	return &s
}

// complete returns a server with the login and methods of all servers where it has none of its own.
func (v *values) complete(spec serverSpec) settings.Server {
	s := spec.Server
	if s.Login == "" {
		s.Login = v.Login
	}
	if s.Auth == nil {
		s.Auth = v.Auth
	}
	return s
}

// Origin says where one value of a domain's settings was written.
type Origin struct {
	Key      string // the key of domains.toml
	Value    string // what domains.toml says, without quotes
	Position Position
}

// MarshalJSON writes {"key", "value", "file", "line"}. Built-in values have no file.
func (o Origin) MarshalJSON() ([]byte, error) {
	x := object{{"key", o.Key}, {"value", o.Value}}
	if o.Position.File != "" {
		x.add("file", o.Position.File)
	}
	if o.Position.Line != 0 {
		x.add("line", o.Position.Line)
	}
	return x.MarshalJSON()
}

// origins lists the values that are set, in the order of the table of keys.
func (l *layer) origins() []Origin {
	list := make([]Origin, 0, len(l.at)+4)
	at := l.at
	for i := range settingKeys { // it is in the order of these rows
		if k := &settingKeys[i]; len(at) > 0 && at[0].key == k.Name {
			list, at = k.explain(list, &l.values, at[0].at), at[1:]
		}
	}
	return list
}
