package replica

import (
	"fmt"
	"testing"

	"mailhint/settings"
)

// BenchmarkLookup looks up domains that have values of their own, none of which is in the cache, and domains that only have a profile.
func BenchmarkLookup(b *testing.B) {
	const n = 20_000
	d := newDatabase()
	var list []record
	for i := range n {
		host := fmt.Sprintf("mail.n%d.example", i)
		list = append(list, domain(namesOf(i), "", "imap", host, "smtp", host, "name", fmt.Sprint("Firm ", i), "docs", "https://help."+host+"/mail", "login", "%EMAILLOCALPART%"),
			domain("plain-"+namesOf(i), "shared"))
	}
	d.change(list...)
	r := start(b, d, "", files)
	r.await(b, d)
	for name, prefix := range map[string]string{"own": "", "plain": "plain-", "unknown": "unknown-"} {
		b.Run(name, func(b *testing.B) {
			questions := make([]settings.Question, n)
			for i := range questions {
				questions[i].Host = settings.Domain(prefix + namesOf(i))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r.snapshot.Lookup(b.Context(), questions[i%n])
			}
		})
	}
}
