package file

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"mailhint/settings"
)

const (
	// maxFile is how large a file may be, in octets. A million lines have about 40 MB.
	maxFile = 256 << 20
	// maxLine is how long a line may be, in octets. No address and no login name has more than 254.
	maxLine = 4096
	// maxProblems is how many lines that cannot be used are described.
	maxProblems = 1000
)

// errTooLarge means that a file has more than maxFile octets.
var errTooLarge = fmt.Errorf("the file is larger than %d MB", maxFile>>20)

// Read reads a file. The problems are lines that cannot be used, without their text: any file may have been named by mistake. The error says why
// the file cannot be read.
func Read(name string) (*Names, []Problem, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // before opening, which would wait for a writer of a named pipe
		return nil, nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close() // it was only read
	n, problems, err := parse(&limited{f, maxFile})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return n, problems, nil
}

// limited fails after a number of octets.
type limited struct {
	from io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// parser collects lines.
type parser struct {
	Names
	lines    []uint32 // the number of each line, in the order of the file
	problems []Problem
}

// parse reads lines with an address and a login name. The first line that is neither empty nor a comment decides whether the file is CSV: it has a
// comma, a semicolon or a tab then.
func parse(from io.Reader) (*Names, []Problem, error) {
	r := bufio.NewReaderSize(from, 1<<20)
	if mark, _ := r.Peek(3); bytes.Equal(mark, []byte("\uFEFF")) {
		r.Discard(3) // which is buffered
	}
	p := new(parser)
	var err error
	if comma := delimiter(r); comma != 0 {
		err = p.readCSV(r, comma)
	} else {
		err = p.readLines(r)
	}
	if err != nil {
		return nil, nil, err
	}
	p.sort()
	slices.SortStableFunc(p.problems, func(a, b Problem) int { return a.Line - b.Line })
	return &p.Names, p.problems, nil
}

// delimiter looks ahead for what is between the columns of CSV; 0 if the file is not CSV.
func delimiter(r *bufio.Reader) rune {
	ahead, _ := r.Peek(64 << 10) // the file may be shorter
	for line := range strings.Lines(string(ahead)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if i := strings.IndexAny(line, ",;\t"); i >= 0 {
			return rune(line[i])
		}
		return 0
	}
	return 0
}

func (p *parser) readLines(r *bufio.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	number := 0
	for lines.Scan() {
		number++
		fields := bytes.Fields(lines.Bytes())
		switch {
		case len(fields) == 0 || fields[0][0] == '#':
		case len(fields) != 2:
			p.refuse(number, "write an address and a login name, with a space between them; for others, use CSV")
		default:
			p.add(number, string(fields[0]), string(fields[1]))
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d octets", number+1, maxLine)
	}
	return lines.Err()
}

func (p *parser) readCSV(r io.Reader, comma rune) error {
	records := csv.NewReader(r)
	records.Comma, records.Comment, records.FieldsPerRecord, records.ReuseRecord = comma, '#', -1, true
	for first := true; ; first = false {
		record, err := records.Read()
		if err == io.EOF {
			return nil
		}
		if syntax := new(csv.ParseError); errors.As(err, &syntax) { // what follows may be in the same quotes
			return fmt.Errorf("line %d is not valid CSV: %w", syntax.Line, syntax.Err)
		}
		if err != nil {
			return err
		}
		number, _ := records.FieldPos(0)
		switch {
		case len(record) < 2:
			p.refuse(number, "this line has one column; write the address in the first and the login name in the second")
		case first && !strings.Contains(record[0], "@") && !strings.Contains(record[1], "@"): // the names of the columns
		default:
			p.add(number, strings.TrimSpace(record[0]), strings.TrimSpace(record[1]))
		}
	}
}

func (p *parser) refuse(line int, text string) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{line, text})
	}
}

// add adds a line.
func (p *parser) add(line int, address, login string) {
	a, err := settings.ParseAddress(address)
	if err != nil {
		if strings.Contains(login, "@") && !strings.Contains(address, "@") {
			err = errors.New("the address must be first, and the login name second")
		}
		p.refuse(line, err.Error())
		return
	}
	if err := settings.CheckLoginName(login); err != nil {
		p.refuse(line, "the login name cannot be used: "+err.Error())
		return
	}
	p.index = append(p.index, uint32(len(p.text)))
	p.lines = append(p.lines, uint32(line))
	p.text = append(p.text, strings.ToLower(a.Local)...)
	p.text = append(p.text, '@')
	p.text = append(p.text, a.Domain...)
	p.text = append(p.text, 0)
	p.text = append(p.text, login...)
	p.text = append(p.text, 0)
}

// sort sorts the index, and reports lines that contradict each other. Equal ones become one.
func (p *parser) sort() {
	order := make([]uint32, len(p.index)) // indexes of lines
	for i := range order {
		order[i] = uint32(i)
	}
	byAddress := func(a, b uint32) int { return bytes.Compare(p.at(p.index[a]), p.at(p.index[b])) }
	if !slices.IsSortedFunc(order, byAddress) {
		slices.SortStableFunc(order, byAddress)
	}
	sorted := make([]uint32, 0, len(order))
	for i, line := range order {
		if i > 0 && byAddress(order[i-1], line) == 0 {
			address := p.at(p.index[line])
			before, now := p.at(sorted[len(sorted)-1]+uint32(len(address))+1), p.at(p.index[line]+uint32(len(address))+1)
			if bytes.Equal(before, now) {
				continue
			}
			p.refuse(int(p.lines[line]), fmt.Sprintf("this address has another login name in line %d, so that neither is used; remove one of them", p.lines[order[i-1]]))
		}
		sorted = append(sorted, p.index[line])
	}
	p.index, p.text = sorted, slices.Clip(slices.Clone(p.text))
}
