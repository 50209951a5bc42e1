package accounts_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mailhint/accounts"
)

// Nobody pushes others out of the audit trail by being refused very often.
func TestRefusalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, store := newService(t)
		doris := accounts.Account{Name: "doris", Role: accounts.DomainAdmin}.Principal(client.Address)
		doris.Token = "panel"
		refused := accounts.Event{Action: "set", Domain: "other.example", Refused: true, Detail: "denied"}
		record := func(p accounts.Principal, e accounts.Event) {
			t.Helper()
			if err := s.Record(t.Context(), p, e); err != nil {
				t.Fatal(err)
			}
		}
		for range 10_000 {
			record(doris, refused)
		}
		for i := range 5000 { // from 5,000 networks, to an account and to none
			name := []string{"anna", "unknown"}[i%2]
			record(accounts.Principal{Name: name, Address: netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1})}, accounts.Event{Action: "sign in", Refused: true})
		}
		record(doris, accounts.Event{Action: "set", Domain: "firm.example"}) // what succeeds is always listed
		anna := accounts.Account{Name: "anna", Role: accounts.Operator}.Principal(client.Address)
		record(anna, refused) // so is what somebody else is refused
		events := eventsOf(t, store, 2)
		if len(events) != 20+100+2 || events[0].Actor != "anna" || events[1].Domain != "firm.example" {
			t.Errorf("%d events, the last two %+v", len(events), events[:2])
		}

		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		events = eventsOf(t, store, 2)
		if got := len(events) - 122; got != 1+20+1 {
			t.Errorf("%d lines for what was not listed, want one for doris, 20 for strangers and one for the others", got)
		}
		sum := 0
		for _, e := range events[:len(events)-122] {
			n := 0
			if _, err := fmt.Sscanf(strings.ReplaceAll(e.Detail, ",", ""), "%d more refused attempt", &n); err != nil || !e.Refused || e.Action != "refused attempts" {
				t.Errorf("%+v: %v", e, err)
			}
			sum += n
		}
		if sum != 10_000-20+5000-100 {
			t.Errorf("%d attempts are counted, want %d", sum, 10_000-20+5000-100)
		}
		own := slices.IndexFunc(events, func(e accounts.Event) bool {
			return strings.HasPrefix(e.Detail, "9,980 more refused attempts not listed since ")
		})
		if own < 0 || events[own].Actor != "doris" || events[own].Token != "panel" || events[own].Address != client.Address || !strings.HasSuffix(events[own].Detail, "the last was: set") {
			t.Errorf("no line for doris in %+v", events[:len(events)-122])
		}

		// Then everything is listed again; what is not is written when the program ends.
		for range 21 {
			record(doris, refused)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if events := eventsOf(t, store, 2)[:21]; events[0].Action != "refused attempts" || !strings.HasPrefix(events[0].Detail, "1 more refused attempt not listed") || events[20].Action != "set" {
			t.Errorf("after a new window: %+v", events[0])
		}
	})
}

// eventsOf returns the events of a store, the newest first, without the oldest, which are of the set-up.
func eventsOf(t *testing.T, store accounts.Store, setUp int) []accounts.Event {
	t.Helper()
	events, err := store.Audit(t.Context(), accounts.AuditQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return events[:len(events)-setUp]
}
