package doctor

import (
	"net/netip"
	"testing"

	"mailhint/monitor"
	"mailhint/probe"
	"mailhint/settings"
)

// The result at one address of a host counts even if another is private and was not probed.
func TestMonitorVerdictOfPartlyPrivateHosts(t *testing.T) {
	server := settings.Server{Protocol: settings.IMAP, Port: 993, Security: settings.ImplicitTLS, Auth: []settings.Auth{settings.Password}}
	port := probe.Port{Protocol: settings.IMAP, Number: 993, Security: settings.ImplicitTLS}
	public, private := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fd00::1")
	hidden := probe.Look{Port: port, Address: private, State: probe.Forbidden}
	for state, look := range map[monitor.State]probe.Look{
		monitor.Closed:  {Port: port, Address: public, State: probe.Refused},
		monitor.Unknown: {Port: port, Address: public, State: probe.Forbidden},
	} {
		v := MonitorVerdict("mail.example.com", server, probe.Host{Name: "mail.example.com", Addresses: []netip.Addr{public, private}, Looks: []probe.Look{look, hidden}})
		if v.State != state || v.Text == "" {
			t.Errorf("got %+v, want %s", v, state)
		}
	}
}
