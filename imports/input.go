package imports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"mailhint/untrusted"
)

// ErrUnread means that a source that was named cannot be read, so that nothing was converted.
var ErrUnread = errors.New("cannot read")

// MaxInput limits a file that is imported, in octets.
const MaxInput = 64 << 20

// ReadFile reads a file of at most MaxInput octets. The error wraps ErrUnread and names the file.
func ReadFile(file string) ([]byte, error) {
	text, err := ReadHead(file, MaxInput+1)
	if err == nil && len(text) > MaxInput {
		err = fmt.Errorf("it is larger than %d MB", MaxInput>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrUnread, file, err)
	}
	return text, nil
}

// ReadHead reads a file up to a limit, in octets. Its errors do not name the file.
func ReadHead(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, Cause(err)
	}
	defer f.Close() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, limit))
	return text, Cause(err)
}

// Cause returns an error without the name of the file, which the message has already.
func Cause(err error) error {
	if path := (*os.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}

// clip makes text from a source fit for a message.
func clip(text string) string {
	const enough = 100
	return untrusted.Clip(text, enough)
}

// JSONFault says what is wrong with a JSON text that could not be decoded.
func JSONFault(err error) string {
	wrong := (*json.UnmarshalTypeError)(nil)
	switch {
	case !errors.As(err, &wrong):
		return "not valid JSON: " + clip(err.Error())
	case wrong.Field == "":
		return "it cannot be " + article(wrong.Value)
	}
	return wrong.Field + " cannot be " + article(wrong.Value)
}

func article(noun string) string {
	if noun == "array" || noun == "object" {
		return "an " + noun
	}
	return "a " + noun
}
