package edgetest

import (
	"slices"
	"strings"

	"mailhint/settings"
)

// Servers makes servers of URLs as domains.toml has them, with a password login by the whole address.
func Servers(urls ...string) []settings.Server {
	var all []settings.Server
	for _, u := range urls {
		for _, p := range []settings.Protocol{settings.IMAP, settings.POP3, settings.Submission, settings.ManageSieve} {
			if parsed, err := settings.ParseServer(p, u); err == nil {
				all = append(all, parsed...)
			}
		}
	}
	if len(all) != len(urls) {
		panic("one of these URLs is not a server's: " + strings.Join(urls, " "))
	}
	for i := range all {
		all[i].Login, all[i].Auth = settings.EmailAddress, []settings.Auth{settings.Password}
	}
	return all
}

// Both returns settings with IMAP and submission in both TLS modes, as a bare host name in domains.toml means it.
func Both() *settings.Settings {
	return &settings.Settings{Name: "Example Mail", Login: settings.EmailAddress, Auth: []settings.Auth{settings.Password},
		Servers: Servers("imaps://imap.example.com", "imap://imap.example.com", "submissions://smtp.example.com", "submission://smtp.example.com")}
}

// WithLogin changes the login form of all services.
func WithLogin(s *settings.Settings, l settings.Login) *settings.Settings {
	s.Login = l
	for i := range s.Servers {
		s.Servers[i].Login = l
	}
	return s
}

// WithHost changes the host of all servers.
func WithHost(s *settings.Settings, host settings.Pattern) *settings.Settings {
	for i := range s.Servers {
		s.Servers[i].Host = host
	}
	return s
}

// WithAuth returns servers with other login methods.
func WithAuth(all []settings.Server, methods ...settings.Auth) []settings.Server {
	all = slices.Clone(all)
	for i := range all {
		all[i].Auth = methods
	}
	return all
}
