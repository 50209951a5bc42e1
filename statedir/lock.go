package statedir

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Lock locks an open file or folder until it is closed, also against other processes. If ctx is done before that, it closes the file and returns
// the cause; after a timeout, it says which process has the lock, if that can be known.
func Lock(ctx context.Context, file *os.File) error {
	locked := make(chan error, 1)
	go func() { locked <- lockExclusively(file) }()
	select {
	case err := <-locked:
		if err != nil {
			file.Close() // the first error says more
		}
		return err
	case <-ctx.Done():
		err := context.Cause(ctx)
		if holder := lockHolder(file); holder != "" && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %s", err, holder)
		}
		go func() { // the kernel gives no way to stop waiting
			<-locked
			file.Close()
		}()
		return err
	}
}
