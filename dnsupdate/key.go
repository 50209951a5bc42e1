package dnsupdate

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/miekg/dns"

	"mailhint/secretfile"
	"mailhint/settings"
)

// Key is a TSIG key. Its secret is in nothing that is printed.
type Key struct {
	name      string  // canonical: lower case, with the trailing dot
	algorithm string  // likewise
	secret    *string // base64; a pointer, because package fmt prints the fields of fields without asking Format
}

// Name returns the name of the key, without the trailing dot.
func (k Key) Name() string { return strings.TrimSuffix(k.name, ".") }

// Format prints the name and the algorithm, whatever the verb.
func (k Key) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "%s (%s)", k.Name(), strings.TrimSuffix(k.algorithm, "."))
}

// algorithms are those that we sign with. RFC 8945 section 6 has them all; truncated ones are not used by BIND, Knot or PowerDNS.
var algorithms = map[string]string{
	"hmac-sha1": dns.HmacSHA1, "hmac-sha224": dns.HmacSHA224, "hmac-sha256": dns.HmacSHA256,
	"hmac-sha384": dns.HmacSHA384, "hmac-sha512": dns.HmacSHA512,
}

// maxKeyFile bounds the size of a key file, in octets. Real ones have about a hundred.
const maxKeyFile = 64 << 10

// ReadKey reads the key in a file in BIND's format. The error says how to correct it and contains nothing of the file but the name of the key.
func ReadKey(file string) (Key, error) {
	info, err := os.Stat(file) // first, because to open a named pipe would wait
	if err == nil && !info.Mode().IsRegular() {
		return Key{}, fmt.Errorf("%s is not a regular file", file)
	}
	if err != nil {
		return Key{}, fmt.Errorf("%w; write a key there, for example with tsig-keygen, or correct key_file in [dns]", err)
	}
	f, err := os.Open(file)
	if err != nil {
		return Key{}, err
	}
	defer f.Close() // it was only read
	if info, err = f.Stat(); err != nil {
		return Key{}, err
	}
	if err := secretfile.CheckMode(file, info); err != nil {
		return Key{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return Key{}, err
	}
	if len(text) > maxKeyFile {
		return Key{}, fmt.Errorf("%s is too large for a key", file)
	}
	key, err := ParseKey(string(text))
	if err != nil {
		return Key{}, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

// errNotAKey means that a text is not a key in BIND's format.
var errNotAKey = errors.New(`is not a key in the format of BIND; it looks like: key "mailhint" { algorithm hmac-sha256; secret "…"; };`)

// ParseKey reads a key in BIND's format, as tsig-keygen and keymgr -t write it. The error contains nothing of the secret.
func ParseKey(text string) (Key, error) {
	words := keyWords(text)
	if len(words) < 4 || words[0] != "key" || words[2] != "{" {
		return Key{}, errNotAKey
	}
	name, err := settings.ParseDomain(strings.ReplaceAll(words[1], "_", "-")) // an underscore is allowed in the name of a key
	if err != nil || name == "" {
		if _, simple := dns.IsDomainName(words[1]); !simple {
			return Key{}, errNotAKey
		}
	}
	key := Key{name: dns.CanonicalName(words[1])}
	i := 3
	for ; i+2 < len(words) && words[i] != "}"; i += 3 {
		if words[i+2] != ";" {
			return Key{}, errNotAKey
		}
		switch words[i] {
		case "algorithm":
			algorithm := strings.TrimSuffix(strings.ToLower(words[i+1]), ".")
			if strings.HasPrefix(algorithm, "hmac-md5") {
				return Key{}, errors.New("the algorithm hmac-md5 is not secure and is not used; make a new key with hmac-sha256")
			}
			known, ok := algorithms[algorithm]
			if !ok {
				return Key{}, errors.New("has an unknown algorithm; make a key with hmac-sha256")
			}
			key.algorithm = known
		case "secret":
			secret, err := base64.StdEncoding.DecodeString(words[i+1])
			if err != nil || len(secret) == 0 {
				return Key{}, errors.New("has a secret that is not valid base64")
			}
			key.secret = &words[i+1]
		default:
			return Key{}, errNotAKey
		}
	}
	switch {
	case i >= len(words) || words[i] != "}" || key.algorithm == "" || key.secret == nil:
		return Key{}, errNotAKey
	case i+1 < len(words) && words[i+1] != ";" || i+2 < len(words):
		return Key{}, errors.New("must contain exactly one key: write each key into a file of its own, and name it in the zone's key_file")
	}
	return key, nil
}

// keyWords splits a text into words, braces and semicolons, without comments. BIND has three kinds of comments.
func keyWords(text string) (words []string) {
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		switch {
		case text == "":
			return words
		case strings.HasPrefix(text, "#"), strings.HasPrefix(text, "//"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			_, text, _ = strings.Cut(text, "*/")
		case strings.ContainsRune("{};", rune(text[0])):
			words, text = append(words, text[:1]), text[1:]
		case text[0] == '"':
			word, rest, _ := strings.Cut(text[1:], `"`)
			words, text = append(words, word), rest
		default:
			end := strings.IndexAny(text, " \t\r\n{};\"")
			if end < 0 {
				end = len(text)
			}
			words, text = append(words, text[:end]), text[end:]
		}
	}
}
