package spelling

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"imap", "imap", 0},
		{"imap", "", 4},
		{"imap", "imaps", 1},
		{"imap", "iamp", 1},
		{"imap", "mpai", 3},
		{"smtp", "smpt", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3}, // not 2: a swapped pair is not edited again
		{"EMAILADRESS", "EMAILADDRESS", 1},
		{strings.Repeat("a", 200) + "x", strings.Repeat("a", 200) + "y", 1},
	} {
		if got := Distance(test.a, test.b, 10); got != test.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
		if got := Distance(test.b, test.a, 10); got != test.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", test.b, test.a, got, test.want)
		}
		for limit := range test.want {
			if got := Distance(test.a, test.b, limit); got <= limit {
				t.Errorf("Distance(%q, %q, %d) = %d, want more than the limit", test.a, test.b, limit, got)
			}
		}
	}
	if got := Distance(strings.Repeat("a", 100), strings.Repeat("b", 100), 200); got <= 200 {
		t.Errorf("two long words: %d, want more than the limit", got)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"imap", "pop3", "smtp", "sieve", "name"}
	for word, want := range map[string]string{"imapp": "imap", "smpt": "smtp", "nmae": "name", "pop": "pop3", "zebra": "", "": ""} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
