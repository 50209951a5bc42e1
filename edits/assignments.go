package edits

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"mailhint/domains"
)

// Assignment gives one key a new value.
type Assignment struct {
	// Path is the key: its name, or those of a table and of a key in it, such as oauth2 and issuer.
	Path []string
	// Value is as in Values; nil removes the key, so that its value is inherited again.
	Value any
	// Argument is what ParseAssignments has read; empty for others.
	Argument string
}

// Key spells the path with dots, as people write it.
func (a Assignment) Key() string { return strings.Join(a.Path, ".") }

// ErrAssignment is matched by every error of ParseAssignments.
var ErrAssignment = errors.New("not a valid assignment")

// AssignmentErrors are all the mistakes of a list of assignments, a line each.
type AssignmentErrors []string

func (e AssignmentErrors) Error() string { return strings.Join(e, "\n") }

// Is makes it match ErrAssignment.
func (e AssignmentErrors) Is(target error) bool { return target == ErrAssignment }

// ParseAssignments reads arguments of the form key=value. The value is TOML if it begins with a quotation mark or with the bracket of a list or
// table that the key can have: smtp=["submissions://a.example", "submission://b.example:2587"]. Otherwise it is a bare word, whose type is
// that of the key: imap=imap.example.com, enabled=false. A bare word for a key that takes a list is split at commas. Nothing after the equals
// sign removes the key.
//
// A key of a table is written with a dot: oauth2.issuer=login.example.com.
//
// The error is an AssignmentErrors with all mistakes, each with its argument: keys that do not exist, with what was probably meant, and values
// that domains.Check would refuse. What depends on the other values of a record is checked when it is saved.
func ParseAssignments(kind Kind, args []string) ([]Assignment, error) {
	var list []Assignment
	var mistakes AssignmentErrors
	seen := make(map[string]string)
	for _, arg := range args {
		a, err := parseAssignment(kind, arg)
		if err != nil {
			mistakes = append(mistakes, fmt.Sprintf("%q: %v", clip(arg), err))
			continue
		}
		if first, again := seen[a.Key()]; again {
			mistakes = append(mistakes, fmt.Sprintf("%q: %s already has the value of %q; drop one of them, or write a list", clip(arg), a.Key(), clip(first)))
			continue
		}
		seen[a.Key()], a.Argument = arg, arg
		list = append(list, a)
	}
	if mistakes != nil {
		return nil, mistakes
	}
	return list, nil
}

// clip shortens an argument for a message.
func clip(arg string) string {
	const enough = 100
	runes := []rune(arg)
	if len(runes) > enough {
		return string(runes[:enough]) + "…"
	}
	return arg
}

func parseAssignment(kind Kind, arg string) (a Assignment, err error) {
	if !utf8.ValidString(arg) {
		return a, errors.New("this is not valid UTF-8")
	}
	key, text, ok := strings.Cut(arg, "=")
	key = strings.TrimSpace(key)
	if !ok || key == "" {
		return a, fmt.Errorf("write it as key=value, such as imap=imap.example.com; key= removes a key")
	}
	a.Path = strings.Split(key, ".")
	if len(a.Path) > 1 {
		if err := checkTable(kind, a.Path); err != nil {
			return a, err
		}
	}
	described, known := keyOf(kind, a.Path)
	if text = strings.TrimSpace(text); text != "" || !known {
		if a.Value, err = parseValue(described, text); err != nil {
			return a, err
		}
		if err = a.check(kind); err == nil && !known {
			err = errors.New("unknown key")
		}
	}
	return a, err
}

// checkTable refuses a path with a dot unless its first part is a table with keys.
func checkTable(kind Kind, path []string) error {
	table := path[0]
	key, known := keyOf(kind, path[:1])
	switch {
	case !known:
		return Assignment{Path: path[:1], Value: ""}.check(kind)
	case table == "rules":
		return errors.New(`write all rules at once, as in rules=[{ from = ["192.0.2.0/24"], profile = "inside" }], or use an editor`)
	case !slices.Contains(key.JSONTypes, "object"):
		return fmt.Errorf("%s has no keys of its own; write %s=…", table, table)
	case len(path) > 2:
		return fmt.Errorf("%s is not a table; write %s=…", strings.Join(path[:2], "."), strings.Join(path[:2], "."))
	}
	return nil
}

// check finds what is wrong with the assignment on its own. In a table it looks at this key only: the others may be there already.
func (a Assignment) check(kind Kind) error {
	values := make(Values)
	if err := a.set(values); err != nil {
		return err
	}
	var texts []string
	for _, p := range domains.CheckValues(domains.RecordKind(kind), exampleName, values) {
		below := strings.HasSuffix(p.Key, "."+a.Path[len(a.Path)-1]) || strings.HasPrefix(p.Text, "unknown key")
		if len(a.Path) == 1 || below {
			texts = append(texts, p.Text)
		}
	}
	if texts == nil {
		return nil
	}
	return errors.New(strings.Join(texts, "; "))
}

// exampleName stands for a record whose name does not matter.
const exampleName = "example.com"

// set writes the value into values, which it changes. A server that is written as text becomes a table when it gets a key besides its url.
func (a Assignment) set(values map[string]any) error {
	name := a.Path[0]
	if len(a.Path) == 1 {
		if a.Value == nil {
			delete(values, name)
		} else {
			values[name] = a.Value
		}
		return nil
	}
	table := make(map[string]any)
	switch v := values[name].(type) {
	case nil:
	case map[string]any:
		table = clone(v).(map[string]any)
	case string:
		if name != "login" { // a login name that is looked up takes the place of a form
			table[urlKey] = v
		}
	default:
		return fmt.Errorf("%s has several values; write all of them, as in %s=[…]", name, name)
	}
	if err := (Assignment{Path: a.Path[1:], Value: a.Value}).set(table); err != nil {
		return err
	}
	if len(table) == 0 {
		delete(values, name)
	} else {
		values[name] = table
	}
	return nil
}

// urlKey is the key of a server's table that is meant by a server without a table.
const urlKey = "url"

// NewValues returns the values of a record that has only what is assigned. The error is an AssignmentErrors.
func NewValues(list []Assignment) (Values, error) { return assign(nil, list) }

// assign returns values with assignments made. It changes nothing that it is given.
func assign(values Values, list []Assignment) (Values, error) {
	changed := clone(map[string]any(values)).(map[string]any)
	var mistakes AssignmentErrors
	for _, a := range list {
		if err := a.set(changed); err != nil {
			mistakes = append(mistakes, err.Error())
		}
	}
	if mistakes != nil {
		return nil, mistakes
	}
	return changed, nil
}

// clone copies a value with all tables and lists in it. A nil map becomes an empty one.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		copied := make(map[string]any, len(v))
		for key, element := range v {
			copied[key] = clone(element)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, element := range v {
			copied[i] = clone(element)
		}
		return copied
	}
	return v
}

// keyOf returns the description of a key. It is not known for the keys of rules, which are written as a whole.
func keyOf(kind Kind, path []string) (domains.Key, bool) {
	table := map[Kind]string{Domain: "domains.*", Profile: "profiles.*"}[kind]
	switch {
	case len(path) == 1 && path[0] == "rules" && kind == Domain:
		return domains.Key{Name: "rules", JSONTypes: []string{"array"}}, true
	case len(path) == 2 && (path[0] == "oauth2" || path[0] == "login"):
		table = "*." + path[0]
	case len(path) == 2 && slices.Contains([]string{"imap", "pop3", "smtp", "sieve"}, path[0]):
		table = "*.imap, pop3, smtp or sieve"
	case len(path) > 1:
		return domains.Key{}, false
	}
	for _, t := range domains.Tables() {
		for _, k := range t.Keys {
			if t.Name == table && k.Name == path[len(path)-1] {
				return k, true
			}
		}
	}
	return domains.Key{}, false
}

// AtArguments returns an error of Store.Apply with the arguments that its problems are about, instead of places in a text that was not saved. An error
// with problems that no argument has caused stays as it is.
func AtArguments(err error, list []Assignment) error {
	var problems domains.Problems
	if !errors.As(err, &problems) || errors.Is(err, domains.ErrUnread) {
		return err
	}
	var mistakes AssignmentErrors
	for _, p := range problems {
		key := p.Key[strings.LastIndex(p.Key, `".`)+1:] // what follows the name of the domain
		i := slices.IndexFunc(list, func(a Assignment) bool {
			return a.Argument != "" && (key == "."+a.Key() || key == "."+a.Path[0])
		})
		if i < 0 {
			return err
		}
		mistakes = append(mistakes, fmt.Sprintf("%q: %s", clip(list[i].Argument), p.Text))
	}
	return mistakes
}

// Keys are the keys that the records of a kind can have, in their usual order. The caller must not change them.
func Keys(kind Kind) []domains.Key { return keysOf()[kind] }

// keysOf returns the keys of both kinds, which take long to describe for each of thousands of records.
var keysOf = sync.OnceValue(func() map[Kind][]domains.Key {
	keys := make(map[Kind][]domains.Key)
	for _, t := range domains.Tables() {
		switch t.Name {
		case "domains.*":
			keys[Domain] = t.Keys
		case "profiles.*":
			keys[Profile] = t.Keys
		}
	}
	return keys
})

// parseValue reads a value for a key.
func parseValue(key domains.Key, text string) (any, error) {
	takes := func(kind string) bool { return slices.Contains(key.JSONTypes, kind) }
	switch {
	case strings.HasPrefix(text, `"`), strings.HasPrefix(text, `'`),
		strings.HasPrefix(text, "[") && takes("array"), strings.HasPrefix(text, "{") && takes("object"):
		return parseTOML(text)
	case takes("boolean") && (text == "true" || text == "false"):
		return text == "true", nil
	case takes("integer"):
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n, nil
		}
	case takes("array") && strings.Contains(text, ","):
		var list []any
		for element := range strings.SplitSeq(text, ",") {
			list = append(list, strings.TrimSpace(element))
		}
		return list, nil
	}
	return text, nil
}

// parseTOML reads a value that is spelled as TOML.
func parseTOML(text string) (any, error) {
	const name = "value"
	line := name + " = " + text
	if err := domains.CheckLimits(line); err != nil {
		return nil, err
	}
	decoded := make(map[string]any)
	if _, err := toml.Decode(line, &decoded); err != nil {
		message := err.Error()
		if syntax := (toml.ParseError{}); errors.As(err, &syntax) && syntax.Message != "" {
			message = syntax.Message
		}
		return nil, fmt.Errorf("the value is not valid TOML: %s", strings.TrimPrefix(message, "toml: "))
	}
	value, ok := decoded[name]
	if !ok || len(decoded) != 1 {
		return nil, errors.New("there is something after the value; write one value for each argument")
	}
	return normal(value), nil
}

// normal returns a decoded value in the form of Values.
func normal(v any) any {
	switch v := v.(type) {
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = normal(v[i])
		}
		return list
	case []any:
		for i := range v {
			v[i] = normal(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = normal(v[key])
		}
	}
	return v
}
