package deploy_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// units copies the units to a folder, with the program where it was built instead of where a package would put it.
func units(t *testing.T) (service, socket string) {
	t.Helper()
	need(t, "systemd-analyze")
	dir := t.TempDir()
	text := string(read(t, "systemd/hoop_exporter.service"))
	if !strings.Contains(text, "\nExecStart=/usr/bin/hoop_exporter ") {
		t.Fatal("the service does not start /usr/bin/hoop_exporter")
	}
	service, socket = filepath.Join(dir, "hoop_exporter.service"), filepath.Join(dir, "hoop_exporter.socket")
	write(t, service, []byte(strings.Replace(text, "/usr/bin/hoop_exporter", program(t), 1)))
	write(t, socket, read(t, "systemd/hoop_exporter.socket"))
	return service, socket
}

// need skips a test where a program is missing. .ci/deploy says loudly when that happens.
func need(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed here", name)
	}
}

func TestSystemdAcceptsTheUnits(t *testing.T) {
	service, socket := units(t)
	out, err := exec.Command("systemd-analyze", "verify", service, socket).CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// The score goes from 0 (closed) to 10 (open); what is left is that the service needs the network.
func TestSystemdExposureStaysLow(t *testing.T) {
	service, _ := units(t)
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=11", service).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Log(string(regexp.MustCompile(`Overall exposure.*`).Find(out)))
}

// The flags and files that the service's parts name are each other's.
func TestSystemdUnitsFitTogether(t *testing.T) {
	service, env := string(read(t, "systemd/hoop_exporter.service")), string(read(t, "systemd/hoop_exporter.env"))
	for _, want := range []string{
		"EnvironmentFile=/etc/default/hoop_exporter", "LoadCredential=token:/etc/hoop_exporter/token",
		"$HOOP_EXPORTER_FLAGS", "ExecReload=/bin/kill -HUP $MAINPID\n", "StateDirectory=hoop_exporter", "--state.dir=${STATE_DIRECTORY}",
	} {
		if !strings.Contains(service, want) {
			t.Errorf("the service lacks %s", want)
		}
	}
	for _, want := range []string{"\nHOOP_URL=", "\nHOOP_TOKEN_FILE=/run/credentials/hoop_exporter.service/token\n", "\nHOOP_EXPORTER_FLAGS=\n"} {
		if !strings.Contains(env, want) {
			t.Errorf("the environment lacks %q", want)
		}
	}
	if !strings.Contains(string(read(t, "systemd/hoop_exporter.socket")), "\nListenStream=10068\n") {
		t.Error("the socket is not at the exporter's port")
	}
}

// The Go runtime counts only its own memory, so its limit leaves a part of the unit's to code and stacks of the system.
func TestSystemdMemoryLimitLeavesRoom(t *testing.T) {
	service := string(read(t, "systemd/hoop_exporter.service"))
	mib := func(pattern string) int {
		m := regexp.MustCompile(pattern).FindStringSubmatch(service)
		if m == nil {
			t.Fatalf("the service lacks %s", pattern)
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	limit, most := mib(`(?m)^Environment=GOMEMLIMIT=(\d+)MiB$`), mib(`(?m)^MemoryMax=(\d+)M$`)
	if limit > most*9/10 || limit < most*8/10 {
		t.Errorf("GOMEMLIMIT is %d MiB of %d", limit, most)
	}
}

// get sends requests until there is an answer with status 200, and returns its body.
func get(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err == nil && response.StatusCode == http.StatusOK {
				return string(body)
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not answer: %v", url, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
