package server

import (
	"log/slog"
	"sync"
)

// unknownClients are the clients of trusted proxies that do not say whose requests they forward. The settings take them for clients outside
// of every network.
type unknownClients struct{ once sync.Once }

// warn logs the first request of such a client. Health checks, which a proxy makes on its own behalf, do not count.
func (u *unknownClients) warn(of *route, log *slog.Logger) {
	if of.service == toUnmatched || of.service == toNothing || of.service == toHelp || of.service == toHelpFiles {
		return
	}
	u.once.Do(func() {
		log.Warn("a trusted proxy forwarded a request without naming the client, so it is treated as outside all networks in from and " +
			"allow_plaintext; later ones will not be reported; make the proxy set X-Forwarded-For (mailhint proxy prints how)")
	})
}
