package accounts

import (
	"context"
	"net/netip"
	"time"

	"github.com/pquerna/otp/hotp"
)

// Throttle is what slows wrong sign-ins, for tests without passwords.
type Throttle struct{ *throttle }

func NewThrottle(now func() time.Time) Throttle { return Throttle{newThrottle(now)} }

// Wrong is a wrong sign-in. The error says why it was not checked.
func (t Throttle) Wrong(ctx context.Context, account string, address netip.Addr, known string) error {
	done, err := t.begin(ctx, attempt{account: account, address: address, known: known})
	if err == nil {
		done(wrong)
	}
	return err
}

// Right is a sign-in with the right password.
func (t Throttle) Right(ctx context.Context, account string, address netip.Addr, known string) error {
	done, err := t.begin(ctx, attempt{account: account, address: address, known: known})
	if err == nil {
		done(right)
	}
	return err
}

// Kept is how many penalties are remembered.
func (t Throttle) Kept() int { return t.pairs.Len() + t.networks.Len() + len(t.accounts) }

// MaxKept is how many can be.
const MaxKept = 2*maxPenalties + 4096

// CodeAt returns the code of an app at a time.
func CodeAt(secret string, now time.Time) string {
	code, err := hotp.GenerateCode(secret, uint64(stepAt(now)))
	if err != nil {
		panic(err)
	}
	return code
}
