package dnsupdate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="

func TestParseKey(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"tsig-keygen":        "key \"mailhint\" {\n\talgorithm hmac-sha256;\n\tsecret \"" + secret + "\";\n};\n",
		"in one line":        "key mailhint { secret " + secret + "; algorithm HMAC-SHA256; };",
		"with comments":      "# a key\n// of ours\n/* for\nmailhint */ key \"Mailhint.\" {algorithm \"hmac-sha256\"; # MAC\nsecret \"" + secret + "\";}",
		"with Windows lines": "key \"mailhint\" {\r\n algorithm hmac-sha256;\r\n secret \"" + secret + "\";\r\n};\r\n",
	} {
		key, err := ParseKey(text)
		if err != nil || key.name != "mailhint." || key.algorithm != "hmac-sha256." || *key.secret != secret {
			t.Errorf("%s: got %v, %v", name, key, err)
		}
	}
	for name, test := range map[string]struct{ text, want string }{
		"empty":              {"", "not a key"},
		"another format":     {"mailhint:" + secret, "not a key"},
		"HMAC-MD5":           {`key "a" { algorithm hmac-md5; secret "` + secret + `"; };`, "hmac-md5 is not secure"},
		"HMAC-MD5 in full":   {`key "a" { algorithm HMAC-MD5.SIG-ALG.REG.INT; secret "` + secret + `"; };`, "hmac-md5 is not secure"},
		"unknown algorithm":  {`key "a" { algorithm ` + secret + `; secret "` + secret + `"; };`, "unknown algorithm"},
		"no algorithm":       {`key "a" { secret "` + secret + `"; };`, "not a key"},
		"no secret":          {`key "a" { algorithm hmac-sha256; };`, "not a key"},
		"empty secret":       {`key "a" { algorithm hmac-sha256; secret ""; };`, "not valid base64"},
		"secret not base64":  {`key "a" { algorithm hmac-sha256; secret "` + secret + `!"; };`, "not valid base64"},
		"not closed":         {`key "a" { algorithm hmac-sha256; secret "` + secret + `";`, "not a key"},
		"unknown word":       {`key "a" { algorithm hmac-sha256; secret "` + secret + `"; ` + secret + ` x; };`, "not a key"},
		"two keys":           {strings.Repeat(`key "a" { algorithm hmac-sha256; secret "`+secret+`"; };`, 2), "exactly one key"},
		"a name too long":    {`key "` + strings.Repeat("a", 64) + `" { algorithm hmac-sha256; secret "` + secret + `"; };`, "not a key"},
		"a whole named.conf": {`options { directory "/"; }; key "a" { algorithm hmac-sha256; secret "` + secret + `"; };`, "not a key"},
	} {
		key, err := ParseKey(test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) || key != (Key{}) {
			t.Errorf("%s: got %v, %v; want %q", name, key, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), secret[:10]) {
			t.Errorf("%s: the secret is in %v", name, err)
		}
	}
}

// A key is printed without its secret, whatever the verb, alone or in another value.
func TestKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	text := secret
	key := Key{"mailhint.", "hmac-sha256.", &text}
	holder := struct {
		K Key
		P *Key
		S *session
	}{key, &key, &session{key: key}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{key, &key, []Key{key}, holder.K, *holder.S} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T: %s", verb, value, text)
			}
		}
	}
	if got := fmt.Sprint(key); got != "mailhint (hmac-sha256)" {
		t.Errorf("got %q", got)
	}
}

func TestReadKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a.key")
	if err := os.WriteFile(file, []byte(`key "mailhint" { algorithm hmac-sha512; secret "`+secret+`"; };`), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o620: false, 0o604: false, 0o644: false, 0o660: false, 0o601: false, 0o700: true} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		key, err := ReadKey(file)
		switch {
		case good && (err != nil || key.Name() != "mailhint"):
			t.Errorf("mode %o: got %v, %v", mode, key, err)
		case !good && (err == nil || !strings.Contains(err.Error(), "chmod 600 "+file)):
			t.Errorf("mode %o: got %v", mode, err)
		}
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{dir: "not a regular file", large: "too large", filepath.Join(dir, "gone"): "no such file"} {
		if _, err := ReadKey(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// A key file never makes the program panic, and an error never contains what is in it.
func FuzzParseKey(f *testing.F) {
	f.Add(`key "mailhint" { algorithm hmac-sha256; secret "` + secret + `"; };`)
	f.Add("key a{algorithm hmac-md5;secret \"x\";}/* # //")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseKey(text)
		if (err == nil) != (key != Key{}) {
			t.Errorf("got %v and %v", key, err)
		}
	})
}
