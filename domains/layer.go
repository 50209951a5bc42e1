package domains

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"mailhint/settings"
)

// layer is what one table says about settings: [defaults], a profile, a domain or a rule. Layers lie on each other, and in each
// field the topmost that says something wins: built-in < [defaults] < profile < domain < rule. Lists never merge.
type layer struct {
	name, shortName         field[settings.Pattern]
	docs, support, webmail  field[settings.Pattern]
	caldav, carddav, webdav field[settings.Pattern]
	jmap, activesync, ews   field[settings.Pattern]
	imap, pop3, smtp, sieve field[[]serverSpec]
	login                   field[settings.Login]
	auth                    field[[]settings.Auth]
	autodiscover            field[string] // where to redirect to; empty for none
	oauth2                  field[*settings.OAuth2]
	pacc                    field[bool]
	allowPlaintext          field[[]netip.Prefix]
	editable                field[[]string]

	misspelt bool // there is a key that is none, and probably means imap, pop3 or smtp
}

// field is one value of a layer and where it was written.
type field[T any] struct {
	value T
	set   bool
	at    Position
}

// serverSpec is a server as written: its own login and methods, if it has any, win over those of the layers.
type serverSpec struct {
	settings.Server
	at Position
}

// builtIn is the lowest layer.
var builtIn = layer{
	login: field[settings.Login]{value: settings.EmailAddress, set: true},
	auth:  field[[]settings.Auth]{value: []settings.Auth{settings.Password}, set: true},
}

// Lengths that programs show (draft-ietf-mailmaint-autoconfig-06 section 4).
const (
	maxName      = 60
	maxShortName = 20
)

// readLayer reads the settings of a table; what else the table may hold is its reader's business.
func (t *table) readLayer() layer {
	web := []string{"https", "http"}
	return layer{
		misspelt:       t.misspellsServers(),
		name:           pattern(t, "name", func(s string) (settings.Pattern, error) { return settings.ParseText(s, maxName) }),
		shortName:      pattern(t, "short_name", func(s string) (settings.Pattern, error) { return settings.ParseText(s, maxShortName) }),
		docs:           urlField(t, "docs", web...),
		support:        urlField(t, "support", "mailto", "https", "tel"),
		webmail:        urlField(t, "webmail", web...),
		caldav:         urlField(t, "caldav", "https"),
		carddav:        urlField(t, "carddav", "https"),
		webdav:         urlField(t, "webdav", "https"),
		jmap:           urlField(t, "jmap", "https"),
		activesync:     urlField(t, "activesync", "https"),
		imap:           serversField(t, "imap", settings.IMAP),
		pop3:           serversField(t, "pop3", settings.POP3),
		smtp:           serversField(t, "smtp", settings.Submission),
		sieve:          serversField(t, "sieve", settings.ManageSieve),
		ews:            urlField(t, "ews", "https"),
		login:          newField(t, "login", (*table).login),
		auth:           newField(t, "auth", (*table).auths),
		autodiscover:   newField(t, "autodiscover", (*table).autodiscover),
		oauth2:         newField(t, "oauth2", (*table).oauth2),
		pacc:           newField(t, "pacc", (*table).flag),
		allowPlaintext: newField(t, "allow_plaintext", (*table).networks),
		editable:       newField(t, "editable", (*table).editable),
	}
}

// misspellsServers reports whether a key looks like one of those without which an entry is not complete. The keys that are known besides
// are far from them.
func (t *table) misspellsServers() bool {
	for key := range t.values {
		switch key {
		case "imap", "pop3", "smtp", "jmap":
		default:
			if didYouMean(key, []string{"imap", "pop3", "smtp"}) != "" {
				return true
			}
		}
	}
	return false
}

func newField[T any](t *table, key string, read func(*table, string) (T, bool)) field[T] {
	v, ok := read(t, key)
	if !ok {
		return field[T]{}
	}
	return field[T]{v, true, t.at(key)}
}

func pattern(t *table, key string, parse func(string) (settings.Pattern, error)) field[settings.Pattern] {
	return newField(t, key, func(t *table, key string) (settings.Pattern, bool) {
		s, ok := t.text(key)
		if !ok || s == "" { // "" takes back what a lower layer says
			return "", ok
		}
		p, err := parse(s)
		if err != nil {
			t.fail(key, "%v", err)
		}
		return p, err == nil
	})
}

func urlField(t *table, key string, schemes ...string) field[settings.Pattern] {
	return pattern(t, key, func(s string) (settings.Pattern, error) { return settings.ParseURL(s, schemes...) })
}

// serversField reads the servers of a protocol: a text, a table, or a list of them in order of preference. An empty list takes
// back what a lower layer says.
func serversField(t *table, key string, p settings.Protocol) field[[]serverSpec] {
	v, ok := t.value(key)
	if !ok {
		return field[[]serverSpec]{}
	}
	return field[[]serverSpec]{t.servers(key, p, v), true, t.at(key)}
}

func (t *table) servers(key string, p settings.Protocol, v any) []serverSpec {
	switch v := v.(type) {
	case string:
		if v == "" {
			t.fail(key, "it is empty; write %s = [] to publish none on purpose", key)
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
	t.fail(key, "it must be a host name, a URL, a table, or a list of them; write %s = \"mail.example.com\"", key)
	return nil
}

func (t *table) serverList(key string, p settings.Protocol, list []any) []serverSpec {
	var specs []serverSpec
	places := make(map[settings.Pattern]int) // how often each host and port came
	for i, v := range list {
		var more []serverSpec
		switch v := v.(type) {
		case string:
			more = t.server(p, v, key, element(i))
		case map[string]any:
			more = t.src.table(append(t.path[:len(t.path):len(t.path)], key, element(i)), v).serverTable(p)
		default:
			t.failElement(key, i, "element %d must be a host name, a URL or a table; write %s = [\"mail.example.com\"]", i+1, key)
		}
		for _, spec := range more {
			place := spec.Host + ":" + settings.Pattern(strconv.Itoa(int(spec.Port)))
			if places[place]++; places[place] == 2 { // not again for the third: a thousand equal servers are one mistake
				t.failElement(key, i, "%s stands there twice, port %d of one host can be only one entry; remove one", spec.URL(), spec.Port)
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
		specs[i] = serverSpec{s, t.at(path...)}
	}
	return specs
}

// serverTable reads { url = "…", login = "…", auth = […] }.
func (t *table) serverTable(p settings.Protocol) []serverSpec {
	defer t.done()
	url, ok := t.text("url")
	login, _ := t.login("login")
	auth, _ := t.auths("auth")
	if !ok {
		if _, there := t.values["url"]; !there {
			t.fail("", "it has no url; write { url = \"mail.example.com\", login = \"%s\" }", settings.EmailLocalPart)
		}
		return nil
	}
	specs := t.server(p, url, "url")
	for i := range specs {
		specs[i].Login, specs[i].Auth = login, auth
	}
	return specs
}

// autodiscover reads "redirect:URL"; "" takes back what a lower layer says.
func (t *table) autodiscover(key string) (string, bool) {
	s, ok := t.text(key)
	if !ok || s == "" {
		return "", ok
	}
	target, isRedirect := strings.CutPrefix(s, "redirect:")
	if !isRedirect {
		t.fail(key, "unknown value %q; write \"redirect:https://…\", or leave it out to answer here", s)
		return "", false
	}
	return target, t.plainURL(key, target)
}

// plainURL checks a URL that goes out as it is.
func (t *table) plainURL(key, text string) bool {
	url, err := settings.ParseURL(text, "https")
	if err == nil && url.Expand("a.example", "b.example") != text {
		err = errors.New("this URL takes no placeholders; write it out")
	}
	if err != nil {
		t.fail(key, "%v", err)
	}
	return err == nil
}

func (t *table) oauth2(key string) (*settings.OAuth2, bool) {
	if _, ok := t.values[key]; !ok {
		t.value(key)
		return nil, false
	}
	o, ok := t.table(key)
	if !ok {
		return nil, false
	}
	defer o.done()
	var oauth settings.OAuth2
	oauth.Issuer = o.issuer("issuer")
	oauth.AuthURL = o.requiredURL("auth_url")
	oauth.TokenURL = o.requiredURL("token_url")
	oauth.ClientID, _ = o.text("client_id")
	scope, ok := o.texts("scope")
	if _, there := o.values["scope"]; !there || ok && len(scope) == 0 {
		o.fail("", "it has no scope; write scope = [\"…\"] with what programs ask for")
	}
	for i, s := range scope {
		if s == "" || strings.ContainsFunc(s, unicode.IsSpace) {
			o.failElement("scope", i, "%q is no single scope; write a list with one in each text", s)
		}
	}
	oauth.Scope = scope
	return &oauth, true
}

// required returns a text that must be there.
func (t *table) required(key, example string) string {
	s, ok := t.text(key)
	if _, there := t.values[key]; !there || ok && s == "" {
		t.fail("", "it has no %s; write %s = %s", key, key, example)
	}
	return s
}

// issuer returns the name of an authorization server: a host or an https URL.
func (t *table) issuer(key string) string {
	s := t.required(key, "\"login.example.com\"")
	switch {
	case s == "":
	case strings.Contains(s, "://"):
		t.plainURL(key, s)
	default:
		if _, err := settings.ParseDomain(s); err != nil {
			t.fail(key, "%q: %v; write a name such as \"login.example.com\", or an https URL", s, err)
		}
	}
	return s
}

func (t *table) requiredURL(key string) string {
	s := t.required(key, "\"https://…\"")
	if s != "" {
		t.plainURL(key, s)
	}
	return s
}

// editableKeys are what [defaults] may hand to delegated admins.
var editableKeys = []string{"name", "short_name", "docs", "support", "webmail", "imap", "pop3", "smtp", "sieve", "caldav", "carddav",
	"webdav", "jmap", "activesync", "ews", "login", "auth", "enabled", "aliases"}

func (t *table) editable(key string) ([]string, bool) {
	list, ok := t.texts(key)
	for i, k := range list {
		if !slices.Contains(editableKeys, k) {
			t.failElement(key, i, "unknown key %q%s", k, orList(didYouMean(k, editableKeys), editableKeys))
		}
	}
	return list, ok
}

func (t *table) auths(key string) ([]settings.Auth, bool) {
	list, ok := t.texts(key)
	if !ok {
		return nil, false
	}
	var words []string
	for _, a := range settings.Auths {
		words = append(words, string(a))
	}
	var auths []settings.Auth
	for i, s := range list {
		switch {
		case !slices.Contains(words, s):
			t.failElement(key, i, "unknown login method %q%s", s, orList(didYouMean(s, words), words))
		case slices.Contains(auths, settings.Auth(s)):
			t.failElement(key, i, "%q stands there twice; write it once", s)
		default:
			auths = append(auths, settings.Auth(s))
		}
	}
	if len(list) == 0 {
		t.fail(key, "it is empty, so nobody could log in; write %s = [\"password\"]", key)
	}
	return auths, len(auths) == len(list) && len(list) > 0
}

func (t *table) login(key string) (settings.Login, bool) {
	if v, _ := t.value(key); isTable(v) {
		t.lookupLogin(key)
		return "", false
	}
	s, ok := t.text(key)
	if !ok {
		return "", false
	}
	l, err := settings.ParseLogin(s)
	if err != nil {
		t.fail(key, "%v", err)
	}
	return l, err == nil
}

func isTable(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// lookupLogin reads login = { lookup = "…", hint = "…" }, which is known but does nothing yet and so must not be accepted.
func (t *table) lookupLogin(key string) {
	l, _ := t.table(key)
	l.text("lookup")
	l.text("hint")
	l.done()
	t.fail(key, "looking up login names is not in this version yet; write a form such as %q", settings.EmailLocalPart)
}

// over lays l on a lower layer.
func (l layer) over(low layer) layer {
	return layer{
		name:           l.name.over(low.name),
		shortName:      l.shortName.over(low.shortName),
		docs:           l.docs.over(low.docs),
		support:        l.support.over(low.support),
		webmail:        l.webmail.over(low.webmail),
		caldav:         l.caldav.over(low.caldav),
		carddav:        l.carddav.over(low.carddav),
		webdav:         l.webdav.over(low.webdav),
		jmap:           l.jmap.over(low.jmap),
		activesync:     l.activesync.over(low.activesync),
		ews:            l.ews.over(low.ews),
		imap:           l.imap.over(low.imap),
		pop3:           l.pop3.over(low.pop3),
		smtp:           l.smtp.over(low.smtp),
		sieve:          l.sieve.over(low.sieve),
		login:          l.login.over(low.login),
		auth:           l.auth.over(low.auth),
		autodiscover:   l.autodiscover.over(low.autodiscover),
		oauth2:         l.oauth2.over(low.oauth2),
		pacc:           l.pacc.over(low.pacc),
		allowPlaintext: l.allowPlaintext.over(low.allowPlaintext),
		editable:       l.editable.over(low.editable),
		misspelt:       l.misspelt || low.misspelt,
	}
}

func (f field[T]) over(low field[T]) field[T] {
	if f.set {
		return f
	}
	return low
}

// Origin says where one value of a domain's settings was written.
type Origin struct {
	Key      string // the key of domains.toml
	Value    string // as domains.toml would spell it
	Position Position
}

// origins lists the values that are set, in the order of the documentation.
func (l layer) origins() []Origin {
	var list []Origin
	add := func(key, value string, at Position) {
		if value != "" {
			list = append(list, Origin{key, value, at})
		}
	}
	add("name", string(l.name.value), l.name.at)
	add("short_name", string(l.shortName.value), l.shortName.at)
	for _, s := range l.allServers() {
		for _, spec := range s.value {
			add(s.key, spec.explain(), spec.at)
		}
	}
	add("login", string(l.login.value), l.login.at)
	add("auth", fmt.Sprint(l.auth.value), l.auth.at)
	add("webmail", string(l.webmail.value), l.webmail.at)
	add("caldav", string(l.caldav.value), l.caldav.at)
	add("carddav", string(l.carddav.value), l.carddav.at)
	add("webdav", string(l.webdav.value), l.webdav.at)
	add("jmap", string(l.jmap.value), l.jmap.at)
	add("activesync", string(l.activesync.value), l.activesync.at)
	add("ews", string(l.ews.value), l.ews.at)
	if l.autodiscover.value != "" {
		add("autodiscover", "redirect:"+l.autodiscover.value, l.autodiscover.at)
	}
	if l.oauth2.value != nil {
		o := l.oauth2.value
		add("oauth2", fmt.Sprintf("issuer %s scope %q auth_url %s token_url %s", o.Issuer, o.Scope, o.AuthURL, o.TokenURL), l.oauth2.at)
	}
	if l.pacc.set {
		add("pacc", fmt.Sprint(l.pacc.value), l.pacc.at)
	}
	add("docs", string(l.docs.value), l.docs.at)
	add("support", string(l.support.value), l.support.at)
	if l.allowPlaintext.set {
		add("allow_plaintext", fmt.Sprint(l.allowPlaintext.value), l.allowPlaintext.at)
	}
	if l.editable.set {
		add("editable", fmt.Sprint(l.editable.value), l.editable.at)
	}
	return list
}

func (s serverSpec) explain() string {
	text := s.URL()
	if s.Login != "" {
		text += " login " + string(s.Login)
	}
	if s.Auth != nil {
		text += fmt.Sprint(" auth ", s.Auth)
	}
	return text
}

// keyed is the servers of one protocol with the key they are written under.
type keyed struct {
	key string
	field[[]serverSpec]
}

// allServers lists the servers in the order of the protocols.
func (l layer) allServers() [4]keyed {
	return [4]keyed{{"imap", l.imap}, {"pop3", l.pop3}, {"smtp", l.smtp}, {"sieve", l.sieve}}
}
