// Command bare is what mailhint is compared with: a net/http server that writes the answer it reads on standard input, header and
// body, to every request, whatever that asks for. It prints the address it listens on.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run() error {
	answer, err := http.ReadResponse(bufio.NewReader(os.Stdin), nil)
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("reading the answer's body: %w", err)
	}
	answer.Header.Del("Date") // net/http adds the present one
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // net/http closes a connection whose request body was not read
		header := w.Header()
		for name, values := range answer.Header {
			header[name] = values
		}
		w.Write(body) // fails if the client is gone, which harms nobody
	}))
}
