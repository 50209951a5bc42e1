package file

import "testing"

// SmallAudit makes the files of the audit trail small, and keeps three of them.
func SmallAudit(t *testing.T) {
	old := auditLog
	t.Cleanup(func() { auditLog = old })
	auditLog.MaxSize, auditLog.Kept = 2000, 3
}
