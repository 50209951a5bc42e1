package accountstest_test

import (
	"testing"

	"mailhint/accounts"
	"mailhint/accounts/accountstest"
)

func TestMemory(t *testing.T) {
	accountstest.Run(t, func(testing.TB) accountstest.Place {
		m := accountstest.NewMemory()
		return accountstest.Place{Open: func(testing.TB) accounts.Store { return m }}
	})
}
