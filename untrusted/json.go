package untrusted

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON returns a writer for JSON that people may look at in a terminal: characters that are not printable, such as bidirectional overrides, are
// spelled with \u, which means the same. Each Write must have whole characters, as those of json.Encoder do; others become U+FFFD.
func JSON(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ io.Writer }

func (w jsonWriter) Write(text []byte) (int, error) {
	var escaped strings.Builder
	done := 0 // octets of text that are in escaped
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r != '\n' && r != '\t' && r != '\r' && (!unicode.IsPrint(r) || r == utf8.RuneError && size == 1) {
			escaped.Write(text[done:i])
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&escaped, `\u%04x`, unit)
			}
			done = i + size
		}
		i += size
	}
	if done == 0 {
		return w.Writer.Write(text)
	}
	escaped.Write(text[done:])
	_, err := io.WriteString(w.Writer, escaped.String())
	return len(text), err
}
