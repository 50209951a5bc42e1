package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// imageConfig is what an image says about how to run it.
type imageConfig struct {
	Docker struct {
		Config struct {
			User         string
			ExposedPorts map[string]struct{}
			Env          []string
			Entrypoint   []string
			Cmd          []string
			Volumes      map[string]struct{}
			Healthcheck  struct{ Test []string }
		} `json:"config"`
	}
}

// image builds the image with buildah, and returns how to run it and where its files are.
func image(t *testing.T) (config imageConfig, files string) {
	t.Helper()
	program(t, "buildah", "buildah")
	if os.Geteuid() != 0 {
		program(t, "sudo", "sudo")
	}
	dir := filepath.Join(packages(t), "image")
	store := t.TempDir()
	buildah := func(args ...string) string {
		t.Helper()
		cmd := asRoot(t, "buildah", append([]string{"--storage-driver", "vfs", "--root", filepath.Join(store, "root"), "--runroot", filepath.Join(store, "run")}, args...)...)
		out, err := cmd.Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			t.Fatalf("buildah %q: %v\n%s", args, err, exit.Stderr)
		} else if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	t.Cleanup(func() {
		if out, err := asRoot(t, "rm", "-rf", "--one-file-system", store).CombinedOutput(); err != nil {
			t.Errorf("rm: %v\n%s", err, out)
		}
	})
	buildah("build", "--isolation", "chroot", "--format", "docker", "--build-arg", "TARGETARCH="+runtime.GOARCH, "--file", "deploy/Containerfile", "--tag", "mailhint", dir)
	if err := json.Unmarshal([]byte(buildah("inspect", "--type", "image", "mailhint")), &config); err != nil {
		t.Fatal(err)
	}
	container := buildah("from", "mailhint")
	mounted := buildah("mount", container)
	t.Cleanup(func() { buildah("umount", container) })
	return config, mounted
}

// The image runs as a user without any rights, says where it listens, and can be asked for its health.
func TestContainer(t *testing.T) {
	config, files := image(t)
	c := config.Docker.Config
	if c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/usr/bin/mailhint"}) || !slices.Equal(c.Cmd, []string{"serve"}) {
		t.Errorf("user %q, entry point %q, command %q", c.User, c.Entrypoint, c.Cmd)
	}
	if _, ok := c.ExposedPorts["8080/tcp"]; !ok {
		t.Errorf("the ports are %v", c.ExposedPorts)
	}
	if _, ok := c.Volumes["/var/lib/mailhint"]; !ok {
		t.Errorf("the volumes are %v", c.Volumes)
	}
	if !slices.Equal(c.Healthcheck.Test, []string{"CMD", "/usr/bin/mailhint", "health"}) {
		t.Errorf("the health check is %q", c.Healthcheck.Test)
	}
	found := mustRun(t, "find", files, "-type", "f", "-perm", "/111", "-printf", "%P ")
	if strings.TrimSpace(found) != "usr/bin/mailhint" {
		t.Errorf("there are other programs: %s", found)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "domains.toml"), []byte("[domains.\"example.com\"]\nimap = \"imap.example.com\"\nsmtp = \"smtp.example.com\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, network := range map[string]string{"IPv4 and IPv6": "true", "only IPv6": "ip address del 127.0.0.1/8 dev lo"} {
		t.Run(name, func(t *testing.T) {
			runContainer(t, c.Env, files, dir, network, slices.Concat(c.Entrypoint, c.Cmd), c.Healthcheck.Test[1:])
		})
	}
}

// inContainer is a script that runs an image as container engines do: in namespaces of its own, with a file system to which nothing can be written
// but the state, as a user without capabilities. It asks for health until the server is there, sends a request, and stops the server.
const inContainer = `set -eu
files=$1 configuration=$2 network=$3 serve=$4 health=$5
mount --make-rprivate /
mount --bind "$files" "$files"
mount -t tmpfs -o mode=700,uid=65532,gid=65532 state "$files/var/lib/mailhint"
mount --bind "$configuration" "$files/etc/mailhint"
mount -o remount,bind,ro "$files/etc/mailhint"
mount -o remount,bind,ro "$files"
! touch "$files/written" 2>/dev/null || exit 1
ip link set lo up
$network
contain() { exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid chroot --userspec=65532:65532 "$files" "$@"; }
(contain $serve) &
server=$!
n=0
until (contain $health); do
	n=$((n + 1))
	[ $n -lt 300 ] || exit 1
	sleep 0.1
done
curl --silent --show-error --fail 'http://[::1]:8080/mail/config-v1.1.xml?emailaddress=ann@example.com' | grep '<hostname>imap.example.com</hostname>'
grep -q '^CapEff:[[:space:]]*0*$' /proc/$server/status
grep -q '^Uid:[[:space:]]*65532[[:space:]]*65532' /proc/$server/status
kill $server
wait $server
! (contain $health) || exit 1
`

func runContainer(t *testing.T, env []string, files, configuration, network string, serve, health []string) {
	t.Helper()
	for _, name := range []string{"unshare", "setpriv", "ip", "curl"} {
		program(t, name, "util-linux iproute2 curl")
	}
	args := []string{"-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	args = append(append(args, env...), "unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", inContainer, "sh",
		files, configuration, network, strings.Join(serve, " "), strings.Join(health, " "))
	out, err := asRoot(t, "env", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, wrong := range []string{"root certificates", "only this machine", "level=ERROR"} {
		if strings.Contains(string(out), wrong) {
			t.Errorf("it says %q:\n%s", wrong, out)
		}
	}
}
