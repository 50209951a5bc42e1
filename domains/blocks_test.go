package domains

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// checkBlocks checks that a text comes to the same values in blocks as in one piece, if it can be cut at all. known are the blocks of other
// texts, to which those of this one are added.
func checkBlocks(t testing.TB, text string, known decoded) (isCut bool) {
	t.Helper()
	if _, err := checkLimits(text); err != nil || strings.Contains(text, "nan") { // which differs from itself
		return false
	}
	whole := make(map[string]any)
	_, err := toml.Decode(text, &whole)
	l := findLines(text)
	for _, entries := range []uint64{1, 3, blockEntries} {
		for _, before := range []decoded{nil, known} {
			values, next, ok := decodeBlocks(text, &l, entries, before)
			if !ok {
				continue
			}
			isCut = true
			if err != nil || !reflect.DeepEqual(values, whole) {
				t.Fatalf("in blocks of %d:\n%v\nas a whole: %v\n%v\nof the text\n%s", entries, values, err, whole, text)
			}
			for text, values := range next {
				known[text] = values
			}
		}
	}
	return isCut
}

// TestBlocks loads every file of testdata in blocks and in one piece: entries, warnings and mistakes are the same.
func TestBlocks(t *testing.T) {
	t.Parallel()
	cut := 0
	for _, file := range slices.Concat(badFiles(t), goodFiles(t), []string{filepath.FromSlash("../docs/example/domains.toml")}) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if checkBlocks(t, strings.TrimPrefix(string(text), byteOrderMark), make(decoded)) {
			cut++
		}
		load := func(cutFrom int) (*Snapshot, *loader) {
			l := newLoader()
			l.cutFrom = cutFrom
			return l.load(file), l
		}
		inBlocks, l := load(0)
		whole, l2 := load(math.MaxInt)
		if got, want := l.problems.sorted().Error(), l2.problems.sorted().Error(); got != want {
			t.Errorf("%s: mistakes\n%s\nwant\n%s", file, got, want)
		}
		if len(l.problems) == 0 && (!reflect.DeepEqual(inBlocks.Entries(), whole.Entries()) || !reflect.DeepEqual(inBlocks.Warnings, whole.Warnings)) {
			t.Errorf("%s: different entries or warnings", file)
		}
	}
	if cut < 30 {
		t.Errorf("only %d files were cut", cut)
	}
}

// pieces are what random texts are made of: the layouts of domains, what belongs to others, and what looks like a header and is none.
var pieces = []string{
	"[domains.\"NAME\"]\n", "[domains.\"NAME\"]\n", "[domains.\"NAME\"]\n", "[domains.NAME]\n", "  [ domains . 'NAME' ] # comment\n", "[domains.\"NAME\".oauth2]\n",
	"[[domains.\"NAME\".rules]]\n", "[[domains.\"NAME\".rules]]\n", "[domains.\"NAME\".rules]\n", "[domains]\n", "[[domains]]\n", "[domains.\"NAME\"]", "[domains.\"NAME\"]\r\n",
	"[profiles.NAME]\n", "[server]\n", "[defaults]\n", "[fallback]\n", "domains.\"NAME\".imap = \"x\"\n", "domains = { NAME = { imap = \"x\" } }\n", "[domain.NAME]\n",
	"imap = \"KEY\"\n", "smtp = [\"KEY\", 'b']\n", "KEY = 1\n", "KEY = true\r\n", "KEY.deep = 1979-05-27T07:32:00Z\n", "oauth2 = { issuer = \"x\", scope = [1, 2.5] }\n", "oauth2.issuer = 1\n",
	"rules = [{ a = 1 }, { b = 2 }]\n", "KEY = \"\"\"\n[domains.\"inside\"]\nimap = 'x'\n\"\"\"\n", "KEY = '''\n[domains.x]\n'''\n", "KEY = [\n  \"[domains.x]\", # [domains.y]\n  [\n[1]\n]]\n",
	"# [domains.\"NAME\"]\n", "\n", "\r\n", "\t\n", "  # comment\n", "\"KEY\" = \"\\u00e9\\\"]\"\n", "KEY = \"\"\"a\"\"\"\"\"\n", "imap = \n", "]\n", "\"\n", "'''\n", "\xff\n", "\ufeff", "KEY = 1 [domains.x]\n",
	"[domains.\"NAME\"]\nimap = \"a\"\nsmtp = []\n", "[domains.\"NAME\"]\nimap = \"a\"\nsmtp = []\n\n", "[domains.\"NAME\"]\nprofile = \"x\"\n# comment\n",
}

// randomText makes a text of some pieces. Most texts are valid, because names repeat rarely, and because what is rarely valid comes rarely.
func randomText(r *rand.Rand) string {
	var text strings.Builder
	names := 2 + r.IntN(60)
	odd := r.IntN(3) == 0
	for range r.IntN(24) {
		piece := pieces[r.IntN(len(pieces))]
		if !odd && r.IntN(3) > 0 {
			piece = pieces[len(pieces)-1-r.IntN(3)]
		}
		piece = strings.ReplaceAll(piece, "NAME", fmt.Sprintf("n%d", r.IntN(names)))
		text.WriteString(strings.ReplaceAll(piece, "KEY", fmt.Sprintf("k%d", r.IntN(50))))
	}
	return text.String()
}

// TestBlocksOfRandomTexts compares blocks with the whole for random texts, and for each of them with a small change.
func TestBlocksOfRandomTexts(t *testing.T) {
	t.Parallel()
	const texts = 1500
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	cut, valid := 0, 0
	for range texts {
		text := randomText(r)
		known := make(decoded)
		if checkBlocks(t, text, known) {
			cut++
		}
		if _, err := toml.Decode(text, new(map[string]any)); err == nil {
			valid++
		}
		for range 3 {
			at, piece := r.IntN(len(text)+1), strings.NewReplacer("NAME", "n1", "KEY", "k1").Replace(pieces[r.IntN(len(pieces))])
			at = strings.LastIndexByte(text[:at], '\n') + 1
			checkBlocks(t, text[:at]+piece+text[at:], known)
		}
	}
	t.Logf("seed %d: of %d texts, %d are valid and %d were cut", seed, texts, valid, cut)
	if cut < texts/10 {
		t.Errorf("only %d of %d texts were cut (seed %d)", cut, texts, seed)
	}
}

func FuzzBlocks(f *testing.F) {
	for _, file := range append(badFiles(f), goodFiles(f)...) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		f.Add(randomText(r))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 64<<10 {
			checkBlocks(t, text, make(decoded))
		}
	})
}
