package file

import (
	"bytes"
	"context"
	"encoding/json"
	"os"

	"mailhint/accounts"
	"mailhint/statedir"
)

// auditLog is the audit trail: about 500,000 events. It is a variable so that tests can make it small.
var auditLog = statedir.Log{Name: "audit", MaxSize: 16 << 20, Kept: 10}

// Append implements accounts.Store.
func (s *Store) Append(ctx context.Context, e accounts.Event) error {
	return s.locked(ctx, func(root *os.Root) error {
		last, err := s.Audit(ctx, accounts.AuditQuery{Limit: 1})
		if err != nil {
			return err
		}
		if e.Number = 1; len(last) > 0 {
			e.Number = last[0].Number + 1
		}
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(e); err != nil {
			return err
		}
		return auditLog.Append(root, line.Bytes())
	})
}

// Audit implements accounts.Store. Lines that are damaged are skipped.
func (s *Store) Audit(ctx context.Context, q accounts.AuditQuery) ([]accounts.Event, error) {
	files, err := auditLog.Open(s.dir)
	defer func() {
		for _, f := range files {
			f.Close() // opened for reading
		}
	}()
	if err != nil {
		return nil, err
	}
	var list []accounts.Event
	for _, f := range files {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		lines := statedir.NewBackward(f, info.Size())
		for lines.Next() {
			var e accounts.Event
			if !lines.Whole || json.Unmarshal(lines.Line, &e) != nil || e.Number == 0 || !q.Matches(e) {
				continue
			}
			if list = append(list, e); len(list) == q.Limit {
				return list, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		if lines.Err != nil {
			return nil, lines.Err
		}
	}
	return list, nil
}
