package domains

import (
	"slices"
	"strconv"
	"strings"

	"mailhint/settings"
	"mailhint/tomledit"
)

// serverSpec is a server as it is written: its own login and methods, if it has any, win over those of the layers.
type serverSpec struct {
	settings.Server
	key string // under which it was written
	at  Position
}

// mailServerValues are the values of mailServerKeys.
type mailServerValues struct {
	url   string
	login settings.Login
	auth  []settings.Auth
}

// serversRow makes the row of the servers of one protocol: a text, a table, or a list of them in order of preference. An empty list
// drops what a lower layer says.
func serversRow(name string, p settings.Protocol, example, description string) key[values] {
	servers := kind[[]serverSpec]{
		name: "host name, URL, table, or list of them", types: "string object array", form: serverForm(p),
		read: func(t *table, key string) ([]serverSpec, bool) {
			specs := t.servers(key, p)
			for i := range specs {
				specs[i].key = key
			}
			return specs, t.has(key)
		},
		plain:   plainServers,
		isTable: true,
		hole:    hostHole,
	}
	r := row(name, servers, func(v *values) *[]serverSpec { return &v.servers[p] }, example, description)
	r.explain = func(list []Origin, v *values, _ Position) []Origin {
		for _, spec := range v.servers[p] {
			list = append(list, Origin{name, spec.explain(), spec.at})
		}
		return list
	}
	r.json = func(o *object, v *values) {
		for _, spec := range v.servers[p] {
			o.extend("servers", newServerJSON(name, v.complete(spec)))
		}
		o.extend("servers") // even if there is none
	}
	return r
}

func (t *table) servers(key string, p settings.Protocol) []serverSpec {
	value, _ := t.value(key)
	switch v := value.(type) {
	case nil: // the key is missing
		return nil
	case string:
		if v == "" {
			t.fail(key, "is empty; write %s = [] to offer none", key)
			return nil
		}
		return t.server(p, v, key)
	case map[string]any:
		entry, _ := t.table(key)
		return entry.serverTable(p)
	case []any:
		return t.serverList(key, p, v)
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return t.serverList(key, p, list)
	}
	t.fail(key, "must be a host name, a URL, a table, or a list of them; write %s = \"mail.example.com\"", key)
	return nil
}

func (t *table) serverList(key string, p settings.Protocol, list []any) []serverSpec {
	specs := []serverSpec{}
	places := make(map[settings.Pattern]int) // how often each host and port came
	for i, v := range list {
		var more []serverSpec
		switch v := v.(type) {
		case string:
			more = t.server(p, v, key, tomledit.Element(i))
		case map[string]any:
			more = t.src.table(append(t.path[:len(t.path):len(t.path)], key, tomledit.Element(i)), v).serverTable(p)
		default:
			t.failElement(key, i, "element %d must be a host name, a URL or a table; write %s = [\"mail.example.com\"]", i+1, key)
		}
		for _, spec := range more {
			place := spec.Host + ":" + settings.Pattern(strconv.Itoa(int(spec.Port)))
			if places[place]++; places[place] == 2 { // not again for the third: a thousand equal servers are one mistake
				t.failElement(key, i, "%s is listed twice with port %d; remove one", spec.Host, spec.Port)
			}
		}
		specs = append(specs, more...)
	}
	return specs
}

// server reads one server written as text, at a path below the table.
func (t *table) server(p settings.Protocol, text string, path ...string) []serverSpec {
	servers, err := settings.ParseServer(p, text)
	if err != nil {
		t.failAt(path, "%v", err)
	}
	specs := make([]serverSpec, len(servers))
	for i, s := range servers {
		specs[i] = serverSpec{Server: s, at: t.at(path...)}
	}
	return specs
}

// serverTable reads { url = "…", login = "…", auth = […] }.
func (t *table) serverTable(p settings.Protocol) []serverSpec {
	defer t.done()
	var v mailServerValues
	at := readKeys(t, mailServerKeys, &v)
	if !at.has("url") {
		if !t.has("url") && !slices.ContainsFunc([]string{"host", "hostname", "server"}, t.has) { // an unknown key, whose message names url
			t.fail("", "has no url; write { url = \"mail.example.com\", login = \"%s\" }", settings.EmailLocalPart)
		}
		return nil
	}
	specs := t.server(p, v.url, "url")
	for i := range specs {
		specs[i].Login, specs[i].Auth = v.login, v.auth
	}
	return specs
}

// explain spells a server for people.
func (s serverSpec) explain() string {
	if s.Login == "" && s.Auth == nil {
		return s.URL()
	}
	v := mailServerValues{s.URL(), s.Login, s.Auth}
	parts := []string{v.url}
	for _, m := range plainTable(mailServerKeys, &v)[1:] {
		parts = append(parts, m.name, explained(m.value))
	}
	return strings.Join(parts, " ")
}

// plainServers returns servers as a list: bare hosts, URLs, or tables where a server has a login of its own.
func plainServers(specs []serverSpec) any {
	if specs == nil {
		return nil
	}
	list := []any{}
	for len(specs) > 0 {
		v, n := mailServerValues{specs[0].URL(), specs[0].Login, specs[0].Auth}, 1
		if pair := bareHost(specs); pair > 0 {
			v.url, n = string(specs[0].Host), pair
		}
		if v.login == "" && v.auth == nil {
			list = append(list, v.url)
		} else {
			list = append(list, plainTable(mailServerKeys, &v))
		}
		specs = specs[n:]
	}
	return list
}

// bareHost returns how many of the first servers a bare host name stands for; 0 if they are not what it stands for.
func bareHost(specs []serverSpec) int {
	first := specs[0]
	pair, err := settings.ParseServer(first.Protocol, string(first.Host))
	if err != nil || len(pair) > len(specs) {
		return 0
	}
	for i, want := range pair {
		got := specs[i]
		if got.Host != want.Host || got.Port != want.Port || got.Security != want.Security || got.Login != first.Login || !slices.Equal(got.Auth, first.Auth) {
			return 0
		}
	}
	return len(pair)
}
