package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"mailhint/untrusted"
)

// maxDepth is how deep a JSON text may be nested. A domain with rules has five levels.
const maxDepth = 16

// checkJSON refuses a text that two programs could understand differently, or that would keep one busy: names that appear twice in an object, of which
// some programs take the first and some the last; invalid UTF-8; too many levels; and anything after the value.
func checkJSON(text []byte) error {
	if !utf8.Valid(text) {
		return errors.New("the body is not valid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := checkValue(d, 0); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the body ends within the JSON text")
		}
		if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
			return fmt.Errorf("the body is not valid JSON: %w, at octet %d", err, syntax.Offset)
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the JSON text")
	}
	return nil
}

// checkValue reads one value.
func checkValue(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delimiter, isOpen := token.(json.Delim)
	if !isOpen {
		return nil
	}
	if depth++; depth > maxDepth {
		return fmt.Errorf("the body is nested more than %d levels deep", maxDepth)
	}
	names := make(map[string]bool)
	for d.More() {
		if delimiter == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			text, _ := name.(string)     // names are strings, or Token has returned an error
			text = strings.ToLower(text) // encoding/json takes names in any case
			if names[text] {
				return fmt.Errorf("the name %q appears twice in an object", untrusted.Clip(text, 50))
			}
			names[text] = true
		}
		if err := checkValue(d, depth); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end
	return err
}
