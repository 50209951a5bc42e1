package settings

import (
	"reflect"
	"testing"
)

// Every text that depends on the domain can be a hole.
func TestFill(t *testing.T) {
	template := &Settings{Servers: []Server{{Port: 993}}}
	count := 0
	var setHoles func(v reflect.Value)
	setHoles = func(v reflect.Value) {
		switch {
		case v.Type() == reflect.TypeFor[Pattern]():
			v.Set(reflect.ValueOf(Hole(count)))
			count++
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				setHoles(v.Field(i))
			}
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				setHoles(v.Index(i))
			}
		}
	}
	setHoles(reflect.ValueOf(template).Elem())
	if template.Holes() != count {
		t.Errorf("%d holes, want %d", template.Holes(), count)
	}
	values := make([]Pattern, count)
	for i := range values {
		values[i] = Pattern(rune('a' + i))
	}
	filled := template.Fill(values)
	again := filled.Replace(func(p Pattern) Pattern { return Hole(int(p[0] - 'a')) })
	if filled.Holes() != 0 || filled.Name != "a" || !reflect.DeepEqual(again, template) {
		t.Errorf("filled: %+v", filled)
	}
	if _, isHole := template.Servers[0].Host.Hole(); !isHole {
		t.Error("filling changes the servers of the template")
	}
}

func TestHole(t *testing.T) {
	for _, text := range []Pattern{"", "F&Co", "ä", "😀", "\uE000", Hole(0) + "x", Hole(0) + Hole(1), "\xff", "\xf3\xb0\x80"} {
		if i, ok := text.Hole(); ok {
			t.Errorf("%q is hole %d", text, i)
		}
	}
}
