package domains

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"mailhint/settings"
	"mailhint/tomledit"
)

// loader gathers what the files say.
type loader struct {
	index    index
	profiles map[string]*profile
	missing  map[string]string // profiles that are not there, with the hints given
	defaults *layer            // [defaults] over the built-in values
	origins  map[*settings.Settings][]Origin
	problems Problems
	warnings Problems
	unread   string // a file that cannot be read
	aliases  []alias

	incomplete   Problems // tables of domains that are skipped, and may be left-over exceptions or mistakes
	skipped      Problems // lines of lists that are not used; at most maxListed
	skippedLines int
	lookups      map[string]*LoginLookup
	usedLookups  map[string]bool
	lists        map[uint32]*profile // by entry: the profile whose lists it answers for
	used         map[string]bool     // profiles that something uses
	warned       map[Problem]bool    // warnings so far, without their keys

	foreign map[string]map[int]bool // by users_file: the lines that no rule uses so far

	proxies   settings.Networks // trusted_proxies
	proxiesAt Position

	server   *table
	fallback *table
	dns      *table
	store    *table
	oidc     *table
	domains  []*table
	seen     map[string]Position // tables that may be there only once: "defaults", "profiles.shared"

	logos map[string]readLogo // by file

	watch  watchlist
	digest hash.Hash // of all that has been read
	reads  []string  // the files in the digest, in its order

	main       string
	given      map[string]string           // texts that replace those on disk
	texts      []Text                      // all that has been read, for a Source
	textAt     map[string]int              // by name: index into texts
	source     bool                        // texts are kept
	namesOnly  bool                        // what domains have besides their names is not read
	cutFrom    int                         // octets of a text that is decoded in blocks
	blocks     map[string]decoded          // by file: what has been decoded, for a Source
	before     map[string]decoded          // those of an earlier reading
	exceptions map[settings.Domain]Listing // domains with a table of their own: where a list has them
}

// topValues are the values of topKeys.
type topValues struct {
	version int
	include []string
}

// load is Load. It also returns what to watch, for a broken file too.
func load(file string) (*Snapshot, watchlist, error) {
	l := newLoader()
	snapshot := l.load(file)
	l.watch.digest = l.digestText()
	if err := l.err(file); err != nil {
		return nil, l.watch, err
	}
	return snapshot, l.watch, nil
}

// err returns the mistakes as an error.
func (l *loader) err(file string) error {
	switch {
	case l.unread == file:
		return unread{l.problems.sorted()}
	case len(l.problems) > 0:
		return l.problems.sorted()
	}
	return nil
}

func newLoader() *loader {
	return &loader{
		defaults: builtIn,
		index:    index{wildcards: make(map[settings.Domain]claim)},
		profiles: make(map[string]*profile),
		missing:  make(map[string]string),
		origins:  make(map[*settings.Settings][]Origin),
		seen:     make(map[string]Position),
		lookups:  make(map[string]*LoginLookup),
		lists:    make(map[uint32]*profile),
		used:     make(map[string]bool),
		foreign:  make(map[string]map[int]bool),
		warned:   make(map[Problem]bool),
		logos:    make(map[string]readLogo),
		watch:    watchlist{seen: make(state)},

		textAt:  make(map[string]int),
		cutFrom: cutFrom,
		blocks:  make(map[string]decoded),

		usedLookups: make(map[string]bool),

		exceptions: make(map[settings.Domain]Listing),
		digest:     sha256.New(),
	}
}

func (l *loader) load(file string) *Snapshot {
	l.main = file
	main, ok := l.parse(file, MainFile, missingHint)
	if !ok {
		return nil
	}
	included := l.include(main)
	l.readFile(main)
	for _, t := range included {
		l.readFile(t)
	}
	server, dns, store, oidc := l.readServer(), l.readDNS(), l.readStore(), l.readOIDC()
	for _, p := range l.profiles {
		p.layer = p.table.readLayer().over(l.defaults)
	}
	for _, name := range sortedKeys(l.profiles) {
		l.readProfileNames(l.profiles[name])
	}
	if !l.namesOnly {
		readLayersAhead(l.domains)
	}
	for _, t := range l.domains {
		l.readDomain(t)
	}
	l.checkAliases()
	l.checkAdminName(server)
	l.readFallback()
	l.warnOfProfiles()
	l.warnOfForeignUsers()
	if len(l.problems) == 0 && len(l.index.names)+len(l.index.wildcards) == 0 && l.index.fallback == nil && l.store == nil {
		l.note(Position{File: file}, "", "defines no domain; add a table such as [domains.\"example.com\"] with imap = \"imap.example.com\" and smtp = \"smtp.example.com\"")
	}
	lookups := l.loginLookups()
	base := l.base()
	return &Snapshot{
		base: base, index: l.index, Server: server, DNS: dns, Store: store, OIDC: oidc, Lookups: lookups, Profiles: len(l.profiles), DefaultEditable: l.defaults.editable, origins: l.origins, logos: l.logosByName(), digest: l.digestText(), reads: l.reads, watch: l.watch,
		serverAt: l.serverPositions(file), Warnings: l.warnings.sorted(), Skipped: l.skipped.sorted(), SkippedLines: l.skippedLines, incomplete: l.incomplete,
	}
}

// digestText returns the digest of what has been read so far.
func (l *loader) digestText() string { return hex.EncodeToString(l.digest.Sum(nil)) }

// byteOrderMark may begin a file, as some programs on Windows write it.
const byteOrderMark = "\uFEFF"

// read returns the text of a file, and adds it to the digest.
func (l *loader) read(file string, limit int64, role Role) (string, error) {
	content, given := l.given[file]
	if given && int64(len(content)) > limit {
		return "", tooLarge(limit)
	}
	if !given {
		var err error
		if content, err = readText(file, limit); err != nil {
			return "", err
		}
	}
	if _, again := l.textAt[file]; l.source && !again {
		l.textAt[file] = len(l.texts)
		l.texts = append(l.texts, Text{Name: file, Role: role, Content: content})
	}
	text := strings.TrimPrefix(content, byteOrderMark)
	addToDigest(l.digest, text)
	l.reads = append(l.reads, file)
	return text, nil
}

// addToDigest adds the text of a file.
func addToDigest(digest hash.Hash, text string) {
	digest.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text)))) // writing to a hash cannot fail
	io.WriteString(digest, text)
}

// missingHint says what to do about a main file that is not there.
const missingHint = "; name the file with --config, or create one with mailhint init ADDRESS"

// parse reads and decodes one file. The hint is for one that is not there.
func (l *loader) parse(file string, role Role, hint string) (*table, bool) {
	l.watch.look(file)
	text, err := l.read(file, maxFile, role)
	if err != nil {
		switch {
		case errors.Is(err, errTooLarge):
			hint = "; " + useList
		case !errors.Is(err, os.ErrNotExist):
			hint = ""
		}
		if !errors.Is(err, errTooLarge) {
			l.unread = file
		}
		l.note(Position{File: file}, "", "cannot be read: %v%s", err, hint)
		return nil, false
	}
	if line, err := checkLimits(text); err != nil {
		l.note(Position{file, line}, "", "%v", err)
		return nil, false
	}
	lines := findLines(text)
	values, blocks, err := decode(text, &lines, l.cutFrom, l.before[file])
	if l.source {
		l.blocks[file] = blocks
	}
	if err != nil {
		var syntax toml.ParseError
		if !errors.As(err, &syntax) {
			l.note(Position{File: file}, "", "is not valid TOML: %v", err)
			return nil, false
		}
		l.problems = append(l.problems, syntaxProblem(file, text, syntax))
		return nil, false
	}
	src := &source{file: file, lines: lines, problems: &l.problems, warnings: &l.warnings, hint: unknownKey}
	return src.table(nil, values), true
}

// include reads the files that the main file includes, in the order of their names.
func (l *loader) include(main *table) []*table {
	var v topValues
	readKeys(main, topKeys, &v)
	var tables []*table
	for i, p := range v.include {
		pattern := p
		if !filepath.IsAbs(p) {
			pattern = filepath.Join(filepath.Dir(main.src.file), p)
		}
		l.watch.globs = append(l.watch.globs, pattern)
		files, err := filepath.Glob(pattern)
		if err != nil {
			main.failElement("include", i, "%q is not a valid pattern: %v; * matches anything", p, err)
		}
		if len(files) == 0 && !strings.ContainsAny(p, "*?[") {
			main.failElement("include", i, "there is no file %q; write its path relative to this file", p)
		}
		if len(files) == 0 && err == nil && strings.ContainsAny(p, "*?[") {
			main.warnAt([]string{"include", tomledit.Element(i)}, "no file matches %q", p)
		}
		for _, file := range files {
			if file == filepath.Clean(main.src.file) {
				main.failElement("include", i, "%q is this file itself; move the other files to a directory and write \"domains.d/*.toml\"", file)
				continue
			}
			if _, again := l.watch.seen[file]; again {
				main.failElement("include", i, "%q is included twice; change the patterns so that only one matches it", file)
				continue
			}
			t, ok := l.parse(file, IncludedFile, "")
			if !ok {
				continue
			}
			readKeys(t, topKeys, new(topValues))
			for _, key := range []string{"include", "server", "dns", "store", "oidc"} {
				if _, there := t.value(key); there {
					t.fail(key, "is allowed only in the main file, %s; move it there", main.src.file)
				}
			}
			tables = append(tables, t)
		}
	}
	return tables
}

// readFile takes the tables of one file.
func (l *loader) readFile(t *table) {
	if s, ok := t.table("server"); ok && l.server == nil {
		l.server = s
	}
	if d, ok := t.table("dns"); ok && l.dns == nil {
		l.dns = d
	}
	if s, ok := t.table("store"); ok && l.store == nil {
		l.store = s
	}
	if o, ok := t.table("oidc"); ok && l.oidc == nil {
		l.oidc = o
	}
	if d, ok := t.table("defaults"); ok && l.once(d) {
		l.defaults = d.readLayer().over(builtIn)
		d.done()
	}
	if f, ok := t.table("fallback"); ok && l.once(f) {
		l.fallback = f
	}
	if ps, ok := t.table("profiles"); ok {
		for _, p := range ps.children() {
			if l.once(p) {
				l.profiles[p.name()] = &profile{table: p}
			}
		}
	}
	if ds, ok := t.table("domains"); ok {
		inFile := ds.children()
		slices.SortStableFunc(inFile, func(a, b *table) int { return cmp.Compare(a.at().Line, b.at().Line) })
		l.domains = append(l.domains, inFile...)
	}
	if ls, ok := t.table("lookups"); ok {
		for _, lookup := range ls.children() {
			if l.once(lookup) {
				l.readLookup(lookup)
			}
		}
	}
	t.done()
}

// once notes a table that another file has already.
func (l *loader) once(t *table) bool {
	key := spell(t.path)
	if first, again := l.seen[key]; again {
		t.fail("", "is already defined at %s; remove one of them", first)
		return false
	}
	l.seen[key] = t.at()
	return true
}
