// Package lab holds tests only: a small internet in which the real mailhint is run as an admin would run it, and must find exactly
// what is wrong.
//
// The internet is a Linux network namespace of its own, with real mail servers (Dovecot, Postfix), a real authoritative name server
// (Knot DNS), a real resolver (Unbound), a real mailhint, web sites, a firewall, and a certificate authority that mailhint trusts.
// All addresses are from the networks reserved for documentation, so that nothing in it counts as private.
//
// What can be wrong is data: a file in testdata/cases is one domain, what differs from a good one, and the codes that doctor must
// give. To add a case, add a file; cases_test.go says what it may hold.
package lab
