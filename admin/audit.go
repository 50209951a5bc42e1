package admin

import (
	"context"

	"mailhint/accounts"
	"mailhint/edits"
)

// audit adds an event about a record to the audit trail; why is nil if it was done. A change that was saved stays so if that fails: the history has it.
func (s *Service) audit(ctx context.Context, p accounts.Principal, e edits.Edit, revision edits.Revision, why error) {
	event := accounts.Event{Action: e.Action, Domain: e.Ref.String(), Revision: string(revision), Refused: why != nil}
	if why != nil {
		event.Detail = edits.Refusal(why)
		if text := why.Error(); event.Detail == edits.RefusedOtherwise {
			event.Detail = text
		}
	}
	s.record(ctx, p, event)
}

func (s *Service) record(ctx context.Context, p accounts.Principal, event accounts.Event) {
	if s.Accounts == nil {
		return
	}
	if err := s.Accounts.Record(context.WithoutCancel(ctx), p, event); err != nil {
		s.log("the audit trail cannot be written", "account", p.Name, "action", event.Action, "domain", event.Domain, "error", err)
	}
}
