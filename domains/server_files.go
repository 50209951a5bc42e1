package domains

import (
	"path/filepath"
	"strings"
)

// keyPairs pairs cert and key: one file each, or lists of the same length. With TLS "acme" they are for names that need no order.
func (t *table) keyPairs(v serverValues) []KeyPair {
	switch {
	case v.TLS == "files" && (len(v.certs) == 0 || len(v.keys) == 0):
		t.fail("tls", "\"files\" needs certificates; add cert = \"fullchain.pem\" and key = \"privkey.pem\"")
		return nil
	case v.TLS == "off" && (v.certs != nil || v.keys != nil):
		t.fail("cert", "cert and key are used only with tls = \"files\" or \"acme\"; write one of them, or remove them")
		return nil
	case len(v.certs) != len(v.keys):
		t.fail("key", "there are %d certificates and %d keys; write one key for each certificate, in the same order", len(v.certs), len(v.keys))
		return nil
	}
	var pairs []KeyPair
	for i := range v.certs {
		pairs = append(pairs, KeyPair{v.certs[i], v.keys[i]})
	}
	return pairs
}

// signing pairs sign_cert and sign_key.
func (t *table) signing(v serverValues) *KeyPair {
	switch {
	case t.has("sign_cert") != t.has("sign_key"):
		t.fail("", "sign_cert and sign_key must be used together; add the other one, or remove both")
		return nil
	case v.signCert == "" || v.signKey == "":
		return nil
	}
	return &KeyPair{v.signCert, v.signKey}
}

func readFileName(t *table, key string) (string, bool) {
	name, ok := t.text(key)
	return t.absolute(name), ok
}

func readFileNames(t *table, key string) ([]string, bool) {
	names, ok := t.texts(key)
	for i := range names {
		names[i] = t.absolute(names[i])
	}
	return names, ok
}

func readStateDir(t *table, key string) (string, bool) {
	dir, ok := t.text(key)
	if ok && strings.TrimSpace(dir) == "" {
		t.fail(key, "is empty; write a directory such as \"/var/lib/mailhint\", or remove it")
	}
	return t.absolute(dir), ok
}

// absolute returns a path relative to the file that the table is in.
func (t *table) absolute(name string) string {
	if filepath.IsAbs(name) || strings.TrimSpace(name) == "" {
		return name
	}
	return absoluteTo(t.src.file, name)
}

// absoluteTo returns a path relative to a file.
func absoluteTo(file, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	path, err := filepath.Abs(filepath.Join(filepath.Dir(file), name))
	if err != nil { // the working directory is gone
		return name
	}
	return path
}
