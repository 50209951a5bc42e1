package monogramm

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"
)

// variables reads an env file, or the Environment lines of a systemd unit. The line is that of the error.
func variables(text string) (env environment, line int, err error) {
	env = make(environment)
	for l := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
		line++
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' || l[0] == ';' || l[0] == '[' {
			continue
		}
		l = strings.TrimPrefix(strings.TrimPrefix(l, "Environment="), "export ")
		name, value, ok := strings.Cut(unquote(l), "=")
		if !ok || strings.ContainsAny(name, " \t") {
			return nil, line, errors.New("this is not a variable; write NAME=value")
		}
		env[strings.Trim(name, `"'`)] = variable{unquote(value), line}
	}
	return env, 0, nil
}

// unquote removes quotation marks around a text.
func unquote(text string) string {
	text = strings.TrimSpace(text)
	if n := len(text); n >= 2 && (text[0] == '"' || text[0] == '\'') && text[n-1] == text[0] {
		return text[1 : n-1]
	}
	return text
}

// compose reads the environments of the services of a Compose file. The line is that of the error.
func compose(text []byte) (all []environment, line int, err error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, 0, errors.New("not valid YAML: " + strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(root.Content) == 0 {
		return nil, 0, nil
	}
	services := member(root.Content[0], "services")
	if services == nil {
		services = root.Content[0] // the first version of the format has no such key
	}
	if services.Kind != yaml.MappingNode {
		return nil, services.Line, errors.New("this is not a Compose file: services is not a table")
	}
	for i := 1; i < len(services.Content); i += 2 {
		if e := member(services.Content[i], "environment"); e != nil {
			all = append(all, environmentOf(e))
		}
	}
	return all, 0, nil
}

// environmentOf reads the key environment: a table, or a list of NAME=value.
func environmentOf(n *yaml.Node) environment {
	env := make(environment)
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			env[n.Content[i].Value] = variable{n.Content[i+1].Value, n.Content[i].Line}
		}
	case yaml.SequenceNode:
		for _, element := range n.Content {
			name, value, _ := strings.Cut(element.Value, "=")
			env[name] = variable{value, element.Line}
		}
	}
	return env
}

// member returns the value of a key; nil if there is none.
func member(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
