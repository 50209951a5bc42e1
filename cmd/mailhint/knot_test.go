package main

import (
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"mailhint/dnsupdate/knottest"
)

// knot starts a real name server until the script ends, and sets a variable to its address: "knot NS example.com.zone mailhint.key …". The
// name of a zone file is that of the zone and ".zone"; the keys after it may update the zone. The records ns, SOA and NS are added.
func knot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: knot VARIABLE ZONE.zone [KEYFILE…] [ZONE.zone …]")
	}
	var zones []knottest.Zone
	for _, arg := range args[1:] {
		if name, isZone := strings.CutSuffix(arg, ".zone"); isZone {
			zones = append(zones, knottest.Zone{Name: name, Records: ts.ReadFile(arg)})
			continue
		}
		fields := strings.FieldsFunc(ts.ReadFile(arg), func(r rune) bool { return strings.ContainsRune(" \t\n\"{};", r) })
		if len(fields) != 6 { // key NAME algorithm ALGORITHM secret SECRET
			ts.Fatalf("%s is not a key", arg)
		}
		z := &zones[len(zones)-1]
		z.Keys = append(z.Keys, knottest.Key{Name: fields[1], Algorithm: fields[3], Secret: fields[5]})
	}
	server, err := knottest.Run(zones...)
	ts.Check(err)
	ts.Defer(server.Stop)
	ts.Setenv(args[0], server.Address)
}

// transferZone writes the records of a zone, without ns, SOA and NS, to a file: "transfer $NS example.com got".
func transferZone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: transfer ADDRESS ZONE FILE")
	}
	lines, err := (&knottest.Server{Address: args[0]}).Transfer(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Join(append(lines, ""), "\n")), 0o600))
}
