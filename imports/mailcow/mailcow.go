// Package mailcow reads what mailcow's API says about its domains (mailcow-dockerized, data/web/api/openapi.yaml): the answers of
// /api/v1/get/domain/all and /api/v1/get/alias-domain/all, from a running server or as files.
//
// The API says which domains there are. All have the same servers, on the host name of mailcow: that of the URL that is asked, or MAILCOW_HOSTNAME in
// mailcow.conf, which also says which ports there are.
package mailcow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"mailhint/domains"
	"mailhint/edits"
	"mailhint/imports"
	"mailhint/untrusted"
)

// Importer reads several answers, and adds their domains when it has them all.
type Importer struct {
	c      *imports.Collection
	conf   *conf
	values []edits.Assignment
	list   []imports.Hosted
	failed bool
}

// New returns an Importer. All domains get the values; keys that are not among them have those of mailcow.
func New(c *imports.Collection, values []edits.Assignment) *Importer {
	return &Importer{c: c, values: values}
}

// ReadFile reads an answer of the API that was saved, or mailcow.conf. The error is that of imports.ReadFile.
func (i *Importer) ReadFile(name string) error {
	text, err := imports.ReadFile(name)
	if err != nil {
		return err
	}
	i.Parse(name, text)
	return nil
}

// Parse reads the text of an answer or of mailcow.conf.
func (i *Importer) Parse(name string, text []byte) {
	if c, ok := parseConf(string(text)); ok {
		i.conf = c
		return
	}
	before := len(i.list)
	if err := i.answer(name, text); err != nil {
		i.failed = true
		i.c.Fail(domains.Position{File: name}, "%v", err)
	} else if len(i.list) == before {
		i.c.Remark(domains.Position{File: name}, "it has no domains")
	}
}

// answer reads an answer: a list of objects, an object, or an error.
func (i *Importer) answer(name string, text []byte) error {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	decoder := json.NewDecoder(bytes.NewReader(text))
	first, err := decoder.Token()
	switch {
	case err != nil:
		return errNotAPI
	case first == json.Delim('{'):
		decoder = json.NewDecoder(bytes.NewReader(text))
	case first != json.Delim('['):
		return errNotAPI
	}
	line, counted := 1, int64(0)
	for decoder.More() {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return fmt.Errorf("line %d: not valid JSON: %s", line, strings.TrimPrefix(err.Error(), "json: "))
		}
		begin := decoder.InputOffset() - int64(len(raw))
		line += bytes.Count(text[counted:begin], []byte("\n"))
		counted = begin
		if err := i.object(domains.Position{File: name, Line: line}, raw); err != nil {
			return err
		}
		if first == json.Delim('{') {
			return nil
		}
	}
	if _, err := decoder.Token(); err != nil && !errors.Is(err, io.EOF) {
		return errors.New("it ends within the list")
	}
	return nil
}

var errNotAPI = errors.New("this is neither an answer of mailcow's API (/api/v1/get/domain/all, /api/v1/get/alias-domain/all) nor mailcow.conf")

// object is a domain, an alias domain, or an error. Numbers are strings in some versions and numbers in others.
type object struct {
	DomainName     string `json:"domain_name"`
	AliasDomain    string `json:"alias_domain"`
	TargetDomain   string `json:"target_domain"`
	Active         any    `json:"active"`
	ActiveInt      any    `json:"active_int"`
	BackupMX       any    `json:"backupmx"`
	ParentBackupMX any    `json:"parent_is_backupmx"`
	Type           string `json:"type"`
	Message        any    `json:"msg"`
}

func (i *Importer) object(where domains.Position, raw json.RawMessage) error {
	if string(raw) == "null" {
		return nil
	}
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		i.c.Lose(where, "this domain is left out: %s", imports.JSONFault(err))
		return nil
	}
	h := imports.Hosted{Where: where, Name: o.DomainName}
	switch {
	case o.Type == "error" || o.Type == "danger":
		return fmt.Errorf("mailcow reports an error: %s", untrusted.Clip(fmt.Sprint(o.Message), 200))
	case o.AliasDomain != "" && o.TargetDomain != "":
		h.Name, h.Target = o.AliasDomain, o.TargetDomain
	case o.DomainName == "":
		if string(bytes.Join(bytes.Fields(raw), nil)) == "{}" { // there are none
			return nil
		}
		i.c.Lose(where, "this is left out: it is not a domain as mailcow's API has it")
		return nil
	}
	switch {
	case !isSet(o.Active, true) || !isSet(o.ActiveInt, true):
		h.Inactive = "it is not active"
	case isSet(o.BackupMX, false) || isSet(o.ParentBackupMX, false):
		h.Inactive = "this is its backup MX, and its mailboxes are elsewhere"
	}
	i.list = append(i.list, h)
	return nil
}

// isSet reads a flag in all the forms that versions have; without one it is the given value.
func isSet(v any, without bool) bool {
	switch v := v.(type) {
	case nil:
		return without
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != "" && v != "0" && v != "false"
	}
	return without
}

// Add adds all domains that were read. The host is that of the server that was asked; it may be empty if mailcow.conf was read, or if the values
// name servers or a profile.
func (i *Importer) Add(host string) error {
	c := i.conf
	if c == nil {
		c = &conf{host: host}
	}
	values, err := c.values(i.values)
	if err != nil {
		return err
	}
	for n := range i.list {
		i.list[n].Values = values
	}
	i.c.AddHosted("mailcow", i.list)
	return nil
}
