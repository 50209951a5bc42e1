package spelling

import "testing"

func TestCount(t *testing.T) {
	for _, test := range []struct {
		n    int
		noun string
		want string
	}{
		{0, "domain", "0 domains"},
		{1, "domain", "1 domain"},
		{2, "domain", "2 domains"},
		{1, "entry", "1 entry"},
		{12, "entry", "12 entries"},
		{3, "day", "3 days"},
		{999, "domain", "999 domains"},
		{1000, "entry", "1,000 entries"},
		{1234567, "domain", "1,234,567 domains"},
	} {
		if got := Count(test.n, test.noun); got != test.want {
			t.Errorf("Count(%d, %q) = %q, want %q", test.n, test.noun, got, test.want)
		}
	}
}
