package postgrestest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// serverUser returns the user that PostgreSQL runs as; ok is false if that is the user of the tests.
func serverUser() (uid, gid int, ok bool) {
	if os.Getuid() != 0 {
		return 0, 0, false
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.Atoi(u.Uid)
		gid, errG := strconv.Atoi(u.Gid)
		if errU == nil && errG == nil {
			return uid, gid, true
		}
	}
	return 0, 0, false
}

// asServer makes a program run as the user of the server. With diesWithTest, it ends when the thread does that has started it.
func asServer(cmd *exec.Cmd, diesWithTest bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if uid, gid, ok := serverUser(); ok {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	if diesWithTest {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	}
}

// giveAway gives a file to the user of the server.
func giveAway(file string) error {
	if uid, gid, ok := serverUser(); ok {
		return os.Chown(file, uid, gid)
	}
	return nil
}
