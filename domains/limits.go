package domains

import "fmt"

// Limits of what the TOML decoder and the reader of positions are given. Without them a small file kills the process: 40 KB of nested
// inline tables took 23 s and 7 GiB, 20 KB of one dotted key 4 s and 2 GiB, 200 KB of short keys in one table with a long name 20 s
// (BurntSushi/toml 1.6.0). While it is read, a table takes 5 KB of memory, an inline one 1.6 KB, a key 0.8 KB.
const (
	maxFile   = 64 << 20  // octets; 100,000 full domain entries are 32 MB
	maxTables = 200_000   // lines such as [domains."example.com"]
	maxMarks  = 3_000_000 // brackets, commas and equals signs outside of strings; 100,000 full domain entries have 2,600,000
	maxDepth  = 16        // brackets within brackets
	maxParts  = 16        // parts of a key, together with those of the tables around it
	maxText   = 4 << 10   // octets of one key or one string

	// The decoder writes out every key with the names of all tables around it, so its work grows with the sum of these names. In files
	// as people and control panels write them, that is one to eight times the size of the file.
	spellingFactor = 16
	spellingFree   = 1 << 20
)

// checkLimits scans a text in one pass before it is decoded, and refuses what is too large, too deep, too dotted or too long. It
// understands strings, comments and where keys begin, and leaves every other mistake to the decoder. The line is 0 if the error is about
// the whole file.
func checkLimits(text string) (line int, err error) {
	if len(text) > maxFile {
		return 0, fmt.Errorf("is too large: %d MB; the limit is %d MB; %s", len(text)>>20, maxFile>>20, useList)
	}
	s := scan{text: text, line: 1, blank: true}
	for s.i < len(text) {
		if err := s.step(); err != nil {
			return s.line, err
		}
		if s.tables > maxTables {
			return 0, fmt.Errorf("has more than %d tables; %s", maxTables, useList)
		}
		if s.marks > maxMarks {
			return 0, fmt.Errorf("has more than %d keys and values; %s", maxMarks, useList)
		}
	}
	return 0, nil
}

// useList says what to do about a file with too much in it.
const useList = "move names without settings of their own to a domains_file"

// scan is the state of checkLimits.
type scan struct {
	text    string
	i, line int
	blank   bool // there is nothing but white space on the line so far
	header  bool // within the brackets of a line such as [domains."example.com"]

	depth  int                // open brackets
	around [maxDepth + 1]keys // by depth: the tables that a key there is in
	key    keys               // the latest key, with the tables around it
	start  int                // of the key that is being read
	dots   int                // in that key

	spelling      int
	tables, marks int // so far
}

// keys is how long a key is.
type keys struct{ octets, parts int }

// step reads a character, a string or a comment.
func (s *scan) step() error {
	c := s.text[s.i]
	blank := s.blank
	s.blank = blank && (c == ' ' || c == '\t')
	switch c {
	case '"', '\'':
		return s.quoted()
	case '#':
		s.i = skipTo(s.text, s.i, '\n')
		return nil
	case '\n':
		s.newLine()
		return nil
	case '.':
		err := s.measure() // already here: 20 KB of dots take long before there is an =
		s.dots++
		s.i++
		return err
	case '=':
		err := s.measure()
		s.next()
		return err
	case ',':
		s.key = s.around[s.depth]
		s.next()
		return nil
	}
	switch {
	case c == '[' && blank && s.depth == 0:
		s.header = true
		s.tables++
		s.next()
	case c == '[' && s.header: // the second bracket of [[…]]
		s.next()
	case c == ']' && s.header:
		err := s.measure()
		s.around[0], s.header = s.key, false
		s.next()
		return err
	case c == '[' || c == '{':
		if s.depth++; s.depth > maxDepth {
			return fmt.Errorf("brackets are nested more than %d deep; nothing here needs more than 4", maxDepth)
		}
		s.around[s.depth] = s.key
		s.next()
	case c == ']' || c == '}':
		s.depth = max(s.depth-1, 0)
		s.key = s.around[s.depth]
		s.next()
	default:
		s.i++
	}
	return nil
}

// next continues after a mark, behind which a key or value may begin.
func (s *scan) next() {
	s.marks++
	s.begin()
}

// begin continues after a character behind which a key may begin.
func (s *scan) begin() {
	s.i++
	s.start, s.dots = s.i, 0
}

func (s *scan) newLine() {
	s.line++
	s.begin()
	s.blank, s.header = true, false
}

// measure checks the key that ends here.
func (s *scan) measure() error {
	octets, parts := s.i-s.start, s.dots+1
	if octets > maxText {
		return fmt.Errorf("a key is longer than %d octets; shorten it", maxText)
	}
	around := s.around[s.depth]
	if s.header {
		around = keys{}
	}
	s.key = keys{around.octets + octets, around.parts + parts}
	if s.key.parts > maxParts {
		return fmt.Errorf("a key has more than %d parts, counting those of the tables around it; put quotes around a domain name: [domains.\"example.com\"]", maxParts)
	}
	if s.spelling += s.key.octets; s.spelling > spellingFree+spellingFactor*len(s.text) {
		return fmt.Errorf("too many keys are in tables with long names; shorten the names")
	}
	return nil
}

// quoted reads a string.
func (s *scan) quoted() error {
	end := stringEnd(s.text, s.i)
	if end-s.i > maxText {
		return fmt.Errorf("a string is longer than %d octets; close its quotes, or shorten it", maxText)
	}
	for ; s.i < end; s.i++ {
		if s.text[s.i] == '\n' {
			s.line++
		}
	}
	return nil
}

// stringEnd returns the index behind the TOML string that starts at i, or the end of the line or text if it is not closed.
func stringEnd(text string, i int) int {
	quote := text[i]
	if i+2 < len(text) && text[i+1] == quote && text[i+2] == quote {
		for j := i + 3; j < len(text); j++ {
			switch {
			case text[j] == '\\' && quote == '"':
				j++
			case text[j] == quote && j+2 < len(text) && text[j+1] == quote && text[j+2] == quote:
				j += 3
				for j < len(text) && text[j] == quote { // up to two quotes may end the content
					j++
				}
				return j
			}
		}
		return len(text)
	}
	for j := i + 1; j < len(text); j++ {
		switch {
		case text[j] == '\n':
			return j
		case text[j] == '\\' && quote == '"':
			j++
		case text[j] == quote:
			return j + 1
		}
	}
	return len(text)
}

func skipTo(text string, i int, end byte) int {
	for i < len(text) && text[i] != end {
		i++
	}
	return i
}
