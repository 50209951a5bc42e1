package file_test

import (
	"testing"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
	"mailhint/accounts/file"
)

func TestStore(t *testing.T) {
	accountstest.Run(t, func(t testing.TB) accountstest.Place {
		dir := t.TempDir()
		return accountstest.Place{Open: func(testing.TB) accounts.Store { return file.Open(dir) }}
	})
}
