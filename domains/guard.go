package domains

import "fmt"

// Limits of what is handed to the TOML decoder. Without them a small file kills the process: 40 KB of nested inline tables took
// 23 s and 7 GiB, 20 KB of one dotted key 4 s and 2 GiB (BurntSushi/toml 1.6.0).
const (
	maxFile  = 64 << 20 // octets; 100,000 full domain entries are 32 MB
	maxDepth = 16       // brackets within brackets
	maxParts = 16       // parts of one dotted key
)

// guard looks over a text in one pass before it is decoded, and refuses what is too large, too deep or too dotted. It
// understands strings and comments and leaves every other mistake to the decoder. The line is 0 where the whole file is meant.
func guard(text string) (line int, err error) {
	if len(text) > maxFile {
		return 0, fmt.Errorf("it has %d MB, more than the %d MB that are read at once; put names without settings of their own into a domains_file",
			len(text)>>20, maxFile>>20)
	}
	depth, dots := 0, 0
	line = 1
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '\n':
			line++
			dots = 0
		case '#':
			i = skipTo(text, i, '\n')
			continue
		case '"', '\'':
			end := stringEnd(text, i)
			for ; i < end; i++ {
				if text[i] == '\n' {
					line++
				}
			}
			continue
		case '[', '{':
			dots = 0
			if depth++; depth > maxDepth {
				return line, fmt.Errorf("more than %d brackets stand within each other; nothing here needs more than 4", maxDepth)
			}
		case ']', '}':
			depth = max(depth-1, 0)
			dots = 0
		case '=', ',':
			dots = 0
		case '.':
			if dots++; dots >= maxParts {
				return line, fmt.Errorf("a key has more than %d parts; put quotes around a domain name: [domains.\"example.com\"]", maxParts)
			}
		}
		i++
	}
	return 0, nil
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
