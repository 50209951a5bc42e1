package schema

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// languageServer is a tool that an editor has started (Language Server Protocol 3.17, over stdin and stdout).
type languageServer struct {
	t      *testing.T
	in     io.Writer
	out    *textproto.Reader
	number int
}

// startEditing starts a tool as an editor does that has opened a file.
func startEditing(t *testing.T, tool, dir, file, text string, args ...string) *languageServer {
	t.Helper()
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TOMBI_OFFLINE=true", "RUST_LOG=error")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() }) // ends a test that waits in vain
	t.Cleanup(func() {
		limit.Stop()
		cmd.Process.Kill() // it need not end well
		cmd.Wait()
	})
	s := &languageServer{t: t, in: in, out: textproto.NewReader(bufio.NewReader(out))}
	s.call("initialize", map[string]any{
		"processId": os.Getpid(), "rootUri": "file://" + dir, "capabilities": map[string]any{"textDocument": map[string]any{"hover": map[string]any{"contentFormat": []string{"plaintext"}}}},
		"workspaceFolders": []any{map[string]any{"uri": "file://" + dir, "name": "x"}},
	})
	s.send(map[string]any{"method": "initialized", "params": map[string]any{}})
	s.send(map[string]any{"method": "textDocument/didOpen", "params": map[string]any{
		"textDocument": map[string]any{"uri": "file://" + file, "languageId": "toml", "version": 1, "text": text},
	}})
	return s
}

func (s *languageServer) send(message map[string]any) {
	s.t.Helper()
	message["jsonrpc"] = "2.0"
	text, err := json.Marshal(message)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(s.in, "Content-Length: %d\r\n\r\n%s", len(text), text); err != nil {
		s.t.Fatal(err)
	}
}

// call sends a request and returns the result. What the tool asks meanwhile is answered with nothing.
func (s *languageServer) call(method string, params any) json.RawMessage {
	s.t.Helper()
	s.number++
	s.send(map[string]any{"id": s.number, "method": method, "params": params})
	for {
		head, err := s.out.ReadMIMEHeader()
		if err != nil {
			s.t.Fatalf("%s: %v", method, err)
		}
		n, err := strconv.Atoi(head.Get("Content-Length"))
		if err != nil {
			s.t.Fatal(err)
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(s.out.R, text); err != nil {
			s.t.Fatal(err)
		}
		var message struct {
			ID     any
			Method string
			Result json.RawMessage
			Error  any
		}
		if err := json.Unmarshal(text, &message); err != nil {
			s.t.Fatal(err)
		}
		switch {
		case message.Method != "" && message.ID != nil:
			s.send(map[string]any{"id": message.ID, "result": []any{nil}})
		case message.Method == "" && message.ID == float64(s.number):
			if message.Error != nil {
				s.t.Fatalf("%s: %v", method, message.Error)
			}
			return message.Result
		}
	}
}

// tombi completes keys and values, and explains a key, in an editor that knows nothing but the first line of the file. (The taplo of npm checks
// files and has no language server.)
func TestEditorsComplete(t *testing.T) {
	const begun, written = "#:schema ./domains.schema.json\n[server]\nt\ntls = \"\"\n", "#:schema ./domains.schema.json\n[server]\ntls = \"acme\"\n"
	path := tool(t, "tombi")
	dir := t.TempDir()
	schema, err := JSON()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "domains.schema.json"), schema)
	at := func(file, text string) func(method string, line, character int) string {
		file = filepath.Join(dir, file)
		write(t, file, []byte(text))
		s := startEditing(t, path, dir, file, text, "lsp")
		return func(method string, line, character int) string {
			return string(s.call("textDocument/"+method, map[string]any{
				"textDocument": map[string]any{"uri": "file://" + file}, "position": map[string]any{"line": line, "character": character},
			}))
		}
	}
	first := at("begun.toml", begun)
	within(t, `"trusted_proxies"`, func() string { return first("completion", 2, 1) })
	within(t, `acme`, func() string { return first("completion", 3, 7) })
	second := at("written.toml", written)
	within(t, `orders certificates`, func() string { return second("hover", 2, 1) })
}

// within asks until the answer has a text: the tools read the schema in the background.
func within(t *testing.T, want string, ask func() string) {
	t.Helper()
	var got string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = ask(); strings.Contains(got, want) {
			return
		}
	}
	t.Errorf("the answer does not have %s:\n%.2000s", want, got)
}
