package edits

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// UnmarshalJSON reads an object in the form of Values: whole numbers become int64. An object without members becomes an empty map, null becomes
// nil.
func (v *Values) UnmarshalJSON(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var decoded map[string]any
	if err := decoder.Decode(&decoded); err != nil {
		return err
	}
	for key, element := range decoded {
		plain, err := withoutNumbers(element)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		decoded[key] = plain
	}
	*v = decoded
	return nil
}

// withoutNumbers replaces json.Number by int64 or float64, and leaves out nothing: null is refused, because a key without a value is one that is not
// there.
func withoutNumbers(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, fmt.Errorf("null is not a value; leave the key out")
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		return v.Float64()
	case []any:
		for i := range v {
			plain, err := withoutNumbers(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = plain
		}
	case map[string]any:
		for key := range v {
			plain, err := withoutNumbers(v[key])
			if err != nil {
				return nil, err
			}
			v[key] = plain
		}
	}
	return v, nil
}

// Equal reports whether two records say the same: both do not exist, or have the same values.
func (v Values) Equal(other Values) bool {
	if v == nil || other == nil {
		return v == nil && other == nil
	}
	return reflect.DeepEqual(v, other)
}
