package pacc

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

const otherRecord = "v=UAAC1; a=sha256; d=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" // of the empty document

// digestOfExample is the digest in exampleRecord.
const digestOfExample = "ciVcFi+G7vTd3TNndpfaVvWSZ9cH3/BfPNGWGRhKY1o="

func TestCheck(t *testing.T) {
	tests := []struct {
		name    string
		records []string
		want    error
	}{
		{"ours", []string{exampleRecord}, nil},
		{"no spaces", []string{"v=UAAC1;a=sha256;d=" + digestOfExample}, nil},
		{"spaces and tabs", []string{" \tv = UAAC1 ;\t a\t=\tsha256 ; d = " + digestOfExample + " ;\t"}, nil},
		{"any order", []string{"d=" + digestOfExample + "; a=sha256; v=UAAC1"}, nil},
		{"trailing semicolon", []string{exampleRecord + ";"}, nil},
		{"unknown tags", []string{exampleRecord + "; x=1; Y2=; x=2"}, nil},
		{"the first and last of the letters and digits", []string{exampleRecord + "; azAZ09=~ a~"}, nil},
		{"one of several", []string{"unrelated", otherRecord, exampleRecord}, nil},

		{"none", nil, ErrNoRecord},
		{"unrelated", []string{"v=spf1 -all", ""}, ErrNoRecord},
		{"another document's", []string{otherRecord}, ErrOtherDigest},
		{"another document's, and nonsense", []string{"nonsense", otherRecord}, ErrOtherDigest},

		{"v twice", []string{exampleRecord + "; v=UAAC1"}, ErrNoRecord},
		{"a twice", []string{exampleRecord + "; a=sha256"}, ErrNoRecord},
		{"d twice", []string{exampleRecord + "; d=" + digestOfExample}, ErrNoRecord},
		{"no v", []string{"a=sha256; d=" + digestOfExample}, ErrNoRecord},
		{"no a", []string{"v=UAAC1; d=" + digestOfExample}, ErrNoRecord},
		{"no d", []string{"v=UAAC1; a=sha256"}, ErrNoRecord},
		{"another version", []string{"v=UAAC2; a=sha256; d=" + digestOfExample}, ErrNoRecord},
		{"another algorithm", []string{"v=UAAC1; a=sha512; d=" + digestOfExample}, ErrNoRecord},
		{"capital tags are other tags", []string{"V=UAAC1; A=sha256; D=" + digestOfExample}, ErrNoRecord},
		{"empty tag", []string{"v=UAAC1;; a=sha256; d=" + digestOfExample}, ErrNoRecord},
		{"two trailing semicolons", []string{exampleRecord + ";;"}, ErrNoRecord},
		{"a tag without value", []string{exampleRecord + "; x"}, ErrNoRecord},
		{"a tag that is not alphanumeric", []string{exampleRecord + "; x-y=1"}, ErrNoRecord},
		{"not ASCII", []string{exampleRecord + "; x=ü"}, ErrNoRecord},
		{"a line break", []string{exampleRecord + "; x=1\n"}, ErrNoRecord},
		{"not padded", []string{strings.TrimSuffix(exampleRecord, "=")}, ErrNoRecord},
		{"a space inside", []string{strings.Replace(exampleRecord, "ciVc", "ciVc ", 1)}, ErrNoRecord},
		{"the other alphabet", []string{strings.ReplaceAll(strings.ReplaceAll(exampleRecord, "+", "-"), "/", "_")}, ErrNoRecord},
		{"too short", []string{"v=UAAC1; a=sha256; d=AAAA"}, ErrNoRecord},
		{"bits left over", []string{strings.Replace(exampleRecord, "Y1o=", "Y1p=", 1)}, ErrNoRecord},
	}
	for _, test := range tests {
		if got := Check(test.records, []byte(example)); !errors.Is(got, test.want) {
			t.Errorf("%s: %q\ngot  %v\nwant %v", test.name, test.records, got, test.want)
		}
	}
}

// The errors say what is wrong with a record.
func TestCheckSaysWhy(t *testing.T) {
	err := Check([]string{exampleRecord + "; v=UAAC1"}, []byte(example))
	if err == nil || !strings.Contains(err.Error(), "v= appears twice") {
		t.Errorf("got %v", err)
	}
	err = Check([]string{otherRecord}, []byte(example))
	if err == nil || !strings.Contains(err.Error(), digestOfExample) {
		t.Errorf("got %v", err)
	}
}

// FuzzRecord checks that a record that can be read means the same when it is written in our form.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{exampleRecord, otherRecord, exampleRecord + ";", "d=" + digestOfExample + ";v=UAAC1;\ta = sha256", "v=spf1 -all", ";;", "=", "v=UAAC1; a=sha256; d="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sum, err := parseRecord(text)
		if err != nil {
			return
		}
		for _, r := range text {
			if r >= 0x80 {
				t.Fatalf("%q is not ASCII and was read", text)
			}
		}
		again, err := parseRecord("v=UAAC1; a=sha256; d=" + base64.StdEncoding.EncodeToString(sum))
		if err != nil || string(again) != string(sum) {
			t.Fatalf("%q: read %x, written and read again %x, %v", text, sum, again, err)
		}
		if !strings.Contains(text, base64.StdEncoding.EncodeToString(sum)) {
			t.Fatalf("%q: read %x, which does not stand there", text, sum)
		}
	})
}
