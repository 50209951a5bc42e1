// Package lab holds tests only: the real mailhint runs in it as an admin would run it.
//
// Most tests share a small internet, in which doctor and the other commands must find exactly what is wrong. It is a Linux network
// namespace of its own, with real mail servers (Dovecot, Postfix), a real authoritative name server (Knot DNS), a real resolver
// (Unbound), a real mailhint, web sites, a firewall, and a certificate authority that mailhint trusts. All addresses are from the
// networks reserved for documentation, so that none of them counts as private. A fault is data: a file in testdata/cases is one domain,
// how it differs from a good one, and the codes that doctor must report. To add a case, add a file; cases_test.go says what it may hold.
//
// The other tests look at mailhint alone: steady traffic during reloads, restarts and renewals (traffic_test.go, restart_test.go,
// renewal_test.go), a flood from one client (flood_test.go), and every web server that can stand in front of it, with the configuration
// that mailhint prints (proxies_test.go). Those that need ports 80 and 443 for themselves run in
// another namespace. docs_test.go goes through every command and example of the documentation, there too.
package lab
