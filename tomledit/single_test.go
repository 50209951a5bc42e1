package tomledit

// For tests that make a single change of a text.

// Result is what a single change made of a text. If nothing had to be changed, Text is the text that was given, and Undo has no Hunks.
type Result struct {
	Text []byte
	Undo Undo
}

// single makes one change of a text.
func single(text []byte, change func(*Text) (Undo, error)) (Result, error) {
	t, err := Open(text)
	if err != nil {
		return Result{}, err
	}
	undo, err := change(t)
	if err != nil {
		return Result{}, err
	}
	if len(undo.Hunks) == 0 {
		return Result{text, undo}, nil
	}
	return Result{t.Bytes(), undo}, nil
}

func Set(text []byte, path []string, members []Member) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Set(path, members) })
}

func Add(text []byte, path []string, members []Member, after ...string) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Add(path, members, after...) })
}

func Remove(text []byte, path []string) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Remove(path) })
}

func Replace(text []byte, path []string, entry []byte) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Replace(path, entry) })
}

func Revert(text []byte, u Undo) (Result, error) {
	return single(text, func(t *Text) (Undo, error) { return t.Revert(u) })
}

func Extract(text []byte, path []string) ([]byte, error) {
	t, err := Open(text)
	if err != nil {
		return nil, err
	}
	return t.Extract(path)
}
