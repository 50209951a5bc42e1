package automx2

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"mailhint/domains"
	"mailhint/imports"
)

// ParseSeed reads seed data: the first version has names of domains, the second (since 2026.1) objects.
func ParseSeed(c *imports.Collection, name string, text []byte) {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	s := &seed{c: c, name: name, text: text, t: newTables()}
	where := domains.Position{File: name}
	if !json.Valid(text) {
		c.Fail(where, "it is not valid JSON")
		return
	}
	if err := s.read(); err != nil {
		c.Fail(where, "%v", err)
		return
	}
	if s.version != "" && s.version != "1" && s.version != "2" {
		c.Fail(where, "unknown version %q of the format; 1 and 2 are known", s.version)
		return
	}
	s.link()
	s.t.add(c, filepath.Base(name))
}

// seed is seed data that is being read.
type seed struct {
	c       *imports.Collection
	name    string
	text    []byte
	t       *tables
	version string
	servers []string // ids, in the order of the file
	davs    []string
}

func (s *seed) read() error {
	decoder := json.NewDecoder(bytes.NewReader(s.text))
	if first, err := decoder.Token(); err != nil || first != json.Delim('{') {
		return fmt.Errorf("it is not an object with provider, domains and servers")
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		switch key {
		case "domains", "servers":
			if err := s.list(decoder, key.(string)); err != nil {
				return err
			}
		default:
			var value any
			if err := decoder.Decode(&value); err != nil {
				return err
			}
			s.single(key.(string), value, decoder.InputOffset())
		}
	}
	return nil
}

// at is the place of what ends at an offset.
func (s *seed) at(offset int64) domains.Position {
	return domains.Position{File: s.name, Line: 1 + bytes.Count(s.text[:offset], []byte("\n"))}
}

// single takes over a key that is not a list.
func (s *seed) single(key string, value any, offset int64) {
	switch key {
	case "version":
		s.version = fmt.Sprint(value)
	case "provider":
		name := fmt.Sprint(value)
		short, _, _ := strings.Cut(name, " ") // as automx2 does
		s.t.providers["1"] = row{map[string]string{"id": "1", "name": name, "short_name": short}, s.at(offset)}
	}
}

// list takes over the domains or the servers.
func (s *seed) list(decoder *json.Decoder, key string) error {
	if first, err := decoder.Token(); err != nil || first != json.Delim('[') {
		return fmt.Errorf("%s is not a list", key)
	}
	for n := 1; decoder.More(); n++ {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return err
		}
		where := s.at(decoder.InputOffset() - int64(len(raw)))
		r, err := columnsOf(raw, strconv.Itoa(n))
		if err != nil {
			s.c.Lose(where, "this entry of %s is left out: %v", key, err)
			continue
		}
		if key == "domains" {
			r["provider_id"] = "1"
			s.t.domains = append(s.t.domains, row{r, where})
		} else {
			s.server(row{r, where})
		}
	}
	_, err := decoder.Token() // the end of the list
	return err
}

// columnsOf returns an object as a row of the table that it would fill. A name stands for itself.
func columnsOf(raw json.RawMessage, id string) (map[string]string, error) {
	columns := map[string]string{"id": id}
	var name string
	if json.Unmarshal(raw, &name) == nil {
		columns["name"] = name
		return columns, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("%s", imports.JSONFault(err))
	}
	for key, v := range object {
		switch v.(type) {
		case nil:
		case string, json.Number, bool:
			columns[key] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%s is a list or an object", key)
		}
	}
	columns["id"] = id
	return columns, nil
}

// usualPorts are those of servers without one.
var usualPorts = map[string]string{"imap": "993", "pop": "995", "smtp": "465"}

// server takes over a server with the defaults of automx2.
func (s *seed) server(r row) {
	kind := r.columns["type"]
	if kind == "caldav" || kind == "carddav" {
		s.davs = append(s.davs, r.columns["id"])
		s.t.davs[r.columns["id"]] = r
		return
	}
	if r.columns["port"] == "" {
		r.columns["port"] = usualPorts[kind]
	}
	socket := "STARTTLS"
	if p := r.columns["port"]; p == "465" || p == "993" || p == "995" {
		socket = "SSL"
	}
	r.columns["socket_type"] = socket
	s.servers = append(s.servers, r.columns["id"])
	s.t.servers[r.columns["id"]] = r
}

// link gives all servers to all domains.
func (s *seed) link() {
	for _, d := range s.t.domains {
		s.t.serverOf[d.columns["id"]], s.t.davOf[d.columns["id"]] = s.servers, s.davs
	}
}
