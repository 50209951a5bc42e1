package texts
import "testing"
func TestX(t *testing.T) {
	p := For(English)
	t.Log(p.Text("page.title", "name", "%s {name} %!"), p.Text("check.minutes", "count", 1), p.Text("check.minutes", "count", 5000))
	t.Log(testing.AllocsPerRun(100, func() { Match("de-CH,de;q=0.9,en;q=0.8", "") }))
}
