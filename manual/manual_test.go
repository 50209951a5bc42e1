package manual

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"mailhint/domains"
)

// formatted returns a page as man shows it, and fails if groff complains.
func formatted(t *testing.T, p Page) string {
	t.Helper()
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("groff is not installed: apt-get install groff-base")
	}
	file := filepath.Join(t.TempDir(), p.Name)
	if err := os.WriteFile(file, []byte(p.Text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("groff", "-K", "utf8", "-T", "utf8", "-man", "-ww", "-rLL=200n", "-P-c", "-P-b", "-P-o", "-P-u", file)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil || complaints.String() != "" {
		t.Errorf("%s: %v\n%s", p.Name, err, &complaints)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

// Nothing in a help text means anything to the formatter.
func TestTextIsText(t *testing.T) {
	const odd = `.so /etc/passwd 'quoted' \fBnot bold\fR "x" ~/.config ^a` + "`b` – …"
	root := &cobra.Command{Use: "mailhint", Short: "Does things", Long: odd + "\n.PP\n'br\n\n  " + odd + "\n  .TP\n\nEnd."}
	cmd := &cobra.Command{Use: "odd [FILE…]", Short: "Is odd: " + odd, Long: odd, Example: "  " + odd, Run: func(*cobra.Command, []string) {}}
	cmd.Flags().StringP("odd", "x", `\e'.`, odd)
	sub := &cobra.Command{Use: "sub", Short: odd, Example: "  .sub", Run: func(*cobra.Command, []string) {}}
	cmd.AddCommand(sub)
	root.AddCommand(cmd)
	for _, p := range Pages(root, `1.0"\fB`, time.Unix(0, 0)) {
		if strings.HasSuffix(p.Name, ".5") {
			continue
		}
		shown := formatted(t, p)
		for _, part := range []string{`'quoted' \fBnot bold\fR "x" ~/.config ^a` + "`b` –", "1970-01-01"} {
			if !strings.Contains(shown, part) {
				t.Errorf("%s does not show %s:\n%s", p.Name, part, shown)
			}
		}
	}
}

// mailhint(5) has every key.
func TestConfigurationHasEveryKey(t *testing.T) {
	p := maker{"1", "1970-01-01"}.configuration()
	shown := formatted(t, p)
	for _, table := range domains.Tables() {
		for _, k := range table.Keys {
			if want := strings.Join(strings.Fields("Example: "+k.Name+" = "+k.Example), " "); !strings.Contains(shown, strings.ReplaceAll(want, "…", "...")) {
				t.Errorf("[%s]: there is no %s", table.Name, want)
			}
		}
	}
}
