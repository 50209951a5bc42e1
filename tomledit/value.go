package tomledit

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// normal returns a value in the types that Member names, or an error if TOML has no such value.
func normal(v any) (any, error) {
	switch v := v.(type) {
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("%q is not valid UTF-8", v)
		}
		return v, nil
	case bool, int64, float64, time.Time:
		return v, nil
	case int:
		return int64(v), nil
	case []string:
		return normalList(v)
	case []any:
		return normalList(v)
	case []map[string]any:
		return normalList(v)
	case map[string]any:
		table := make(map[string]any, len(v))
		for key, value := range v {
			value, err := normal(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			table[key] = value
		}
		return table, nil
	}
	return nil, fmt.Errorf("%T is not a type of TOML", v)
}

func normalList[T any](list []T) (any, error) {
	values := make([]any, len(list))
	for i, v := range list {
		value, err := normal(v)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return values, nil
}

// equal reports whether two normal values say the same.
func equal(a, b any) bool {
	return a == nil && b == nil || a != nil && b != nil && bytes.Equal(appendValue(nil, a), appendValue(nil, b))
}

// appendValue writes a normal value on one line, with keys in alphabetical order.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendString(b, v)
	case []any:
		b = append(b, '[')
		for i, value := range v {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendValue(b, value)
		}
		return append(b, ']')
	case map[string]any:
		if len(v) == 0 {
			return append(b, "{}"...)
		}
		b = append(b, "{ "...)
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendKey(b, key)
			b = append(b, " = "...)
			b = appendValue(b, v[key])
		}
		return append(b, " }"...)
	case bool, int64:
		return fmt.Append(b, v)
	case time.Time:
		return v.AppendFormat(b, timeLayout(v))
	}
	text, err := toml.Marshal(map[string]any{"v": v}) // knows all kinds of numbers
	if err != nil {
		panic("not a normal value: " + err.Error())
	}
	return append(b, strings.TrimSpace(strings.TrimPrefix(string(text), "v ="))...)
}

// timeLayout is how a time is written. Those without a zone have the machine's, under a name that says what they were read from; the library, which
// gives them these names, would write them in UTC, as another time.
func timeLayout(t time.Time) string {
	switch t.Location().String() {
	case "datetime-local":
		return "2006-01-02T15:04:05.999999999"
	case "date-local":
		return time.DateOnly
	case "time-local":
		return "15:04:05.999999999"
	}
	return time.RFC3339Nano
}

// Quote spells a basic string. What a screen would not show, such as characters that change the direction of the text, is escaped.
func Quote(s string) string { return string(appendString(nil, s)) }

// QuoteKey spells a key, with quotation marks if it needs them.
func QuoteKey(key string) string { return string(appendKey(nil, key)) }

// appendString writes a basic string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\r':
			b = append(b, `\r`...)
		case strconv.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r <= 0xFFFF:
			b = fmt.Appendf(b, `\u%04X`, r)
		default:
			b = fmt.Appendf(b, `\U%08X`, r)
		}
	}
	return append(b, '"')
}

// restyle writes a value in place of another one, with the kind of quotes that the old one has if they are possible.
func restyle(old []byte, v any) []byte {
	s, ok := v.(string)
	if ok && old[0] == '\'' && !bytes.HasPrefix(old, []byte("'''")) && !strings.ContainsFunc(s, notLiteral) {
		return []byte("'" + s + "'")
	}
	return appendValue(nil, v)
}

// notLiteral reports whether a character is not allowed in a literal string.
func notLiteral(r rune) bool { return r == '\'' || r < ' ' && r != '\t' || r == 0x7F }

// appendKey writes a key, with quotes if it needs them.
func appendKey(b []byte, key string) []byte {
	if key == "" || strings.ContainsFunc(key, notBare) {
		return appendString(b, key)
	}
	return append(b, key...)
}

func notBare(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
