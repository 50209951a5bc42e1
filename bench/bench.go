// Package bench measures the program from outside: how much processor time "mailhint serve" takes for a request, and how many it
// answers in a second, compared with the least that a Go program could do.
//
// Four processes take part. The one measured is mailhint as it is built for use: stripped, with all its limits and metrics, and its
// access log written to a file. Beside it runs bench/bare, a net/http handler that writes the same octets and knows nothing else, and,
// where it is installed, nginx with the same answer in a file. The load comes from wrk, with 16 connections that stay open.
//
//	make bench                                              # all benchmarks
//	go test -run '^$' -bench . -benchtime 40x ./bench       # these, with 40 rounds
//
// A round loads each server for a second, one after the other, so that whatever else the machine does meets them all. Figures are
// medians over the rounds, and so are ratios: bare handler to mailhint within one round. Processor time is what the kernel has counted
// for the process; wrk's share is not in it. It is the figure to trust on a machine that has other things to do. Throughput is
// bounded by wrk where that is slower than the server.
package bench
