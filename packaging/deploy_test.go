package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"mailhint/domains"
)

// object is a Kubernetes object, or a part of one.
type object map[string]any

// at returns a value in an object.
func (o object) at(t *testing.T, path ...any) any {
	t.Helper()
	var v any = map[string]any(o)
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			list, _ := v.([]any)
			if p >= len(list) {
				t.Fatalf("%v: there is no element %d", path, p)
			}
			v = list[p]
		}
	}
	if v == nil {
		t.Fatalf("there is no %v", path)
	}
	return v
}

func objects(t *testing.T, text []byte) map[string]object {
	t.Helper()
	byKind := make(map[string]object)
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var o map[string]any
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return byKind
		}
		if err != nil {
			t.Fatal(err)
		}
		byKind[fmt.Sprint(o["kind"])] = o
	}
}

// The objects for Kubernetes fit together, and their configuration is valid and listens where they look.
func TestKubernetes(t *testing.T) {
	const dir = "deploy/kubernetes/"
	var kustomization struct {
		Resources          []string
		ConfigMapGenerator []struct {
			Name  string
			Files []string
		} `yaml:"configMapGenerator"`
	}
	if err := yaml.Unmarshal(read(t, dir+"kustomization.yaml"), &kustomization); err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, name := range kustomization.Resources {
		all.WriteString("---\n")
		all.Write(read(t, dir+name))
	}
	byKind := objects(t, all.Bytes())
	deployment := byKind["Deployment"]
	labels := fmt.Sprint(deployment.at(t, "spec", "template", "metadata", "labels"))
	for _, selector := range []string{
		fmt.Sprint(deployment.at(t, "spec", "selector", "matchLabels")), fmt.Sprint(byKind["Service"].at(t, "spec", "selector")),
		fmt.Sprint(byKind["PodDisruptionBudget"].at(t, "spec", "selector", "matchLabels")),
	} {
		if selector != labels {
			t.Errorf("a selector is %s, the labels of the pods are %s", selector, labels)
		}
	}
	container := object(deployment.at(t, "spec", "template", "spec", "containers", 0).(map[string]any))
	if got := container.at(t, "securityContext", "readOnlyRootFilesystem"); got != true {
		t.Error("the root file system can be written to")
	}
	if name := deployment.at(t, "spec", "template", "spec", "volumes", 0, "configMap", "name"); name != kustomization.ConfigMapGenerator[0].Name {
		t.Errorf("the pods mount %v, not what is generated", name)
	}
	t.Setenv("MAILHINT_HTTP", ":8080") // as in the image
	s, err := domains.Load(dir + kustomization.ConfigMapGenerator[0].Files[0])
	if err != nil {
		t.Fatal(err)
	}
	ports := make(map[string]string)
	for _, p := range container.at(t, "ports").([]any) {
		ports[fmt.Sprint(object(p.(map[string]any))["name"])] = fmt.Sprint(":", object(p.(map[string]any))["containerPort"])
	}
	if s.Server.HTTP[0] != ports["http"] || s.Server.Admin != ports["admin"] {
		t.Errorf("the configuration listens at %s and %s, the container says %v", s.Server.HTTP[0], s.Server.Admin, ports)
	}
	if target := byKind["Service"].at(t, "spec", "ports", 0, "targetPort"); ports[fmt.Sprint(target)] == "" {
		t.Errorf("the service looks for the port %v", target)
	}
	for probe, path := range map[string]string{"livenessProbe": "/-/healthz", "readinessProbe": "/-/readyz"} {
		if got := container.at(t, probe, "httpGet", "path"); got != path || container.at(t, probe, "httpGet", "port") != "admin" {
			t.Errorf("%s asks for %v", probe, got)
		}
	}
	args := container.at(t, "args").([]any)
	checkFlags(t, args)
}

// checkFlags checks the arguments of a container: the program knows its flags.
func checkFlags(t *testing.T, args []any) {
	t.Helper()
	help := mustRun(t, "go", "run", "./cmd/mailhint", fmt.Sprint(args[0]), "--help")
	for _, a := range args[1:] {
		if flag := fmt.Sprint(a); strings.HasPrefix(flag, "--") && !strings.Contains(help, flag+" ") {
			t.Errorf("mailhint %v has no flag %s", args[0], flag)
		}
	}
}

// Kustomize makes the same of the folder as kubectl would.
func TestKustomize(t *testing.T) {
	const tool = "build/tools/kustomize"
	if _, err := exec.LookPath("./" + tool); err != nil {
		t.Skip("kustomize is not installed: make " + tool)
	}
	byKind := objects(t, []byte(mustRun(t, "./"+tool, "build", "deploy/kubernetes")))
	for _, kind := range []string{"Namespace", "ConfigMap", "Deployment", "Service", "PodDisruptionBudget"} {
		if byKind[kind] == nil {
			t.Errorf("there is no %s", kind)
		}
	}
	if got := byKind["ConfigMap"].at(t, "data", "domains.toml"); got != string(read(t, "deploy/kubernetes/domains.toml")) {
		t.Errorf("the configuration is\n%v", got)
	}
	if got := byKind["Deployment"].at(t, "spec", "template", "spec", "containers", 0, "image"); got != "registry.example.com/mailhint:latest" {
		t.Errorf("the image is %v", got)
	}
}

// The variant with a database has the configuration and the password where the configuration looks for it, in a file that it may read.
func TestKustomizeStore(t *testing.T) {
	const dir = "deploy/kubernetes-store/"
	s, err := domains.Load(dir + "domains.toml")
	if err != nil {
		t.Fatal(err)
	}
	patch := objects(t, read(t, dir+"password.yaml"))["Deployment"]
	mount := object(patch.at(t, "spec", "template", "spec", "containers", 0, "volumeMounts", 0).(map[string]any))
	if filepath.Dir(s.Store.PasswordFile) != mount["mountPath"] {
		t.Errorf("the password is mounted in %v, the configuration says %s", mount["mountPath"], s.Store.PasswordFile)
	}
	volume := object(patch.at(t, "spec", "template", "spec", "volumes", 0).(map[string]any))
	if volume["name"] != mount["name"] || volume.at(t, "secret", "defaultMode") != 0o440 {
		t.Errorf("the volume is %v", volume)
	}
	for _, name := range []string{fmt.Sprint(volume.at(t, "secret", "secretName")), filepath.Base(s.Store.PasswordFile)} {
		if !bytes.Contains(read(t, "deploy/README.md"), []byte(name)) {
			t.Errorf("deploy/README.md does not say how to make %s", name)
		}
	}
	const tool = "build/tools/kustomize"
	if _, err := exec.LookPath("./" + tool); err != nil {
		t.Skip("kustomize is not installed: make " + tool)
	}
	byKind := objects(t, []byte(mustRun(t, "./"+tool, "build", dir)))
	if got := byKind["ConfigMap"].at(t, "data", "domains.toml"); got != string(read(t, dir+"domains.toml")) {
		t.Errorf("the configuration is\n%v", got)
	}
	pod := byKind["Deployment"].at(t, "spec", "template", "spec")
	for _, want := range []string{"name:configuration", "name:state", "secretName:mailhint-store", "readOnlyRootFilesystem:true", "fsGroup:65532"} {
		if !strings.Contains(fmt.Sprint(pod), want) {
			t.Errorf("the pod has no %s: %v", want, pod)
		}
	}
}

// docker-compose accepts the file, which is as short as promised, and publishes ports that the image exposes.
func TestCompose(t *testing.T) {
	text := read(t, "deploy/compose.yaml")
	if lines := bytes.Count(text, []byte("\n")); lines > 12 {
		t.Errorf("it has %d lines", lines)
	}
	var compose struct {
		Services map[string]struct {
			Ports, Volumes []string
			ReadOnly       bool `yaml:"read_only"`
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	service := compose.Services["mailhint"]
	containerfile := string(read(t, "deploy/Containerfile"))
	for _, port := range service.Ports {
		_, inside, _ := strings.Cut(port, ":")
		if !regexp.MustCompile(`(?m)^EXPOSE .*\b` + inside + `\b`).MatchString(containerfile) {
			t.Errorf("the image does not expose port %s", inside)
		}
	}
	if !service.ReadOnly || len(service.Volumes) != 2 || !strings.HasSuffix(service.Volumes[0], ":/etc/mailhint:ro") {
		t.Errorf("read only %v, volumes %q", service.ReadOnly, service.Volumes)
	}
	program(t, "docker-compose", "docker-compose")
	mustRun(t, "docker-compose", "--file", "deploy/compose.yaml", "config", "--quiet")
}

// notInNix are directives of deploy/mailhint.service that the NixOS module does otherwise.
var notInNix = []string{"ExecStart", "ExecReload", "LoadCredential", "ConfigurationDirectory", "ConfigurationDirectoryMode"}

// The NixOS module can be evaluated, and confines the service as the unit for other systems does.
func TestNixOS(t *testing.T) {
	program(t, "nix-instantiate", "nix-bin")
	module, err := filepath.Abs("deploy/nixos/mailhint.nix")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "--expr", strings.ReplaceAll(nixWorld, "MODULE", module))
	cmd.Env = append(cmd.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("nix-instantiate: %v\n%s", err, err.(*exec.ExitError).Stderr)
	}
	var evaluated struct {
		ServiceConfig    map[string]any
		Check, Unchecked string
		Ports            []int
	}
	if err := json.Unmarshal(out, &evaluated); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(evaluated.Ports, []int{80, 443}) || !strings.Contains(evaluated.Check, "mailhint check domains.toml") {
		t.Errorf("ports %v, check %q", evaluated.Ports, evaluated.Check)
	}
	if evaluated.Unchecked != "/generated/domains.toml" {
		t.Errorf("without the check, the configuration is %q", evaluated.Unchecked)
	}
	checkScript(t, evaluated.Check)
	got := make(map[string][]string)
	for name, value := range evaluated.ServiceConfig {
		got[name] = strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(fmt.Sprint(value)))
	}
	want := make(map[string][]string)
	_, service, _ := strings.Cut(string(read(t, "deploy/mailhint.service")), "[Service]")
	for _, m := range regexp.MustCompile(`(?m)^([A-Z]\w+)=(.*)$`).FindAllStringSubmatch(service, -1) {
		value := map[string]string{"yes": "true"}[m[2]]
		if value == "" {
			value = m[2]
		}
		if m[1] != "WantedBy" && !slices.Contains(notInNix, m[1]) {
			want[m[1]] = append(want[m[1]], strings.Fields(value)...)
		}
	}
	for name := range want {
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%s is %q, in the unit %q", name, got[name], want[name])
		}
	}
	for name := range got {
		if want[name] == nil && !slices.Contains(notInNix, name) {
			t.Errorf("%s is not in the unit", name)
		}
	}
}

// checkScript runs the script that checks the configuration in NixOS with a mailhint that has each exit code.
func checkScript(t *testing.T, script string) {
	t.Helper()
	for code, good := range map[int]bool{0: true, 1: false, 2: false, 3: true} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "given.toml"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("bash", "-euc", fmt.Sprintf("mailhint() { return %d; }\n%s", code, strings.ReplaceAll(script, "/generated/domains.toml", "given.toml")))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "out="+filepath.Join(dir, "out"))
		out, err := cmd.CombinedOutput()
		if _, missing := os.Stat(filepath.Join(dir, "out")); (err == nil) != good || (missing == nil) != good {
			t.Errorf("mailhint check ends with %d: %v, %v\n%s", code, err, missing, out)
		}
	}
}

// nixWorld evaluates the module with as much of NixOS as it needs.
const nixWorld = `
let
  lib = {
    mkEnableOption = text: text; mkOption = option: option; mkIf = condition: value: if condition then value else null;
    literalMD = text: text; cleanSource = path: toString path; fakeHash = ""; getExe' = package: name: "${package}/bin/${name}";
    types = { package = null; bool = null; };
  };
  pkgs = {
    formats.toml = _: { type = null; generate = name: value: "/generated/${name}"; };
    runCommand = name: attributes: script: script; buildGoModule = attributes: attributes; coreutils = "/coreutils";
  };
  evaluate = checkConfig: import MODULE {
    inherit lib pkgs;
    config.services.mailhint = { enable = true; openFirewall = true; package = "/package"; settings = { }; inherit checkConfig; };
  };
  module = evaluate true;
in builtins.seq module.options.services.mailhint.package.default.src {
  inherit (module.config.systemd.services.mailhint) serviceConfig;
  check = module.config.environment.etc."mailhint/domains.toml".source;
  unchecked = (evaluate false).config.environment.etc."mailhint/domains.toml".source;
  ports = module.config.networking.firewall.allowedTCPPorts;
}
`

// The files for several replicas fit together: the configuration is valid, and the balancer sends requests where the replicas listen.
func TestComposeReplicas(t *testing.T) {
	const dir = "deploy/replicas/"
	var compose struct {
		Services map[string]struct {
			Image          string
			Ports, Volumes []string
			Secrets        []struct{ Source, Target string }
		}
	}
	if err := yaml.Unmarshal(read(t, dir+"compose.yaml"), &compose); err != nil {
		t.Fatal(err)
	}
	s, err := domains.Load(dir + "mailhint/domains.toml")
	if err != nil {
		t.Fatal(err)
	}
	haproxy := string(read(t, dir+"haproxy.cfg"))
	for _, name := range []string{"one", "two"} {
		service := compose.Services[name]
		if service.Image != "mailhint" || !slices.Contains(service.Volumes, "./mailhint:/etc/mailhint:ro") || !slices.Contains(service.Volumes, name+":/var/lib/mailhint") {
			t.Errorf("the replica %s is %+v", name, service)
		}
		for _, address := range []string{s.Server.HTTP[0], s.Server.HTTPS[0]} {
			if line := fmt.Sprintf("server %s %s%s\n", name, name, address); !strings.Contains(haproxy, line) {
				t.Errorf("the balancer does not have %s", line)
			}
		}
		if secret := "/run/secrets/" + service.Secrets[0].Target; secret != s.Store.PasswordFile || "/run/secrets/"+service.Secrets[0].Source != secret {
			t.Errorf("the password is in %s, the configuration says %s", secret, s.Store.PasswordFile)
		}
	}
	if !s.Server.ProxyProtocol || !strings.Contains(haproxy, "check port"+strings.Replace(s.Server.Admin, ":", " ", 1)+" ") || !strings.Contains(haproxy, "send-proxy-v2") {
		t.Error("the balancer and the replicas do not agree")
	}
	if _, isService := compose.Services["database"]; !isService || !strings.Contains(s.Store.URL, "@database/") {
		t.Errorf("the database is at %s", s.Store.URL)
	}
	for _, port := range compose.Services["balancer"].Ports {
		_, inside, _ := strings.Cut(port, ":")
		if !strings.Contains(haproxy, "bind :"+inside+"\n") {
			t.Errorf("the balancer does not listen on %s", inside)
		}
	}
	program(t, "haproxy", "haproxy")
	mustRun(t, "haproxy", "-c", "-f", dir+"haproxy.cfg")
	program(t, "docker-compose", "docker-compose")
	mustRun(t, "docker-compose", "--file", dir+"compose.yaml", "config", "--quiet")
}
