package web

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/hoop-exporter/hoop_exporter/client/credential"
)

// CheckFlags finds what would keep [Handler] and [Serve] from starting with a telemetry path and what listen says, as far as that can be
// found without listening. The errors name the flags.
func CheckFlags(ctx context.Context, telemetryPath string, listen *toolkit.FlagConfig) error {
	if err := checkPath(telemetryPath); err != nil {
		return err
	}
	if err := toolkit.Validate(*listen.WebConfigFile); err != nil {
		return fmt.Errorf("--web.config.file: %w", credential.YAMLError(err))
	}
	if listen.WebSystemdSocket != nil && *listen.WebSystemdSocket {
		return nil // systemd listens
	}
	addresses := *listen.WebListenAddresses
	for i, address := range addresses {
		err := checkAddress(ctx, address)
		if err == nil && slices.Contains(addresses[:i], address) && !strings.HasSuffix(address, ":0") {
			err = fmt.Errorf("%s appears twice", address)
		}
		if err != nil {
			return fmt.Errorf("--web.listen-address: %w", err)
		}
	}
	return nil
}

// checkAddress fails for an address at which nothing can listen.
func checkAddress(ctx context.Context, address string) error {
	const example = "give one such as :10068 or 127.0.0.1:10068"
	vsock := strings.HasPrefix(address, "vsock://")
	host, port, err := net.SplitHostPort(strings.TrimPrefix(address, "vsock://"))
	if err != nil {
		return fmt.Errorf("%q is not an address with a port: %s", address, example)
	}
	if vsock {
		if _, err := strconv.ParseUint(port, 10, 32); err != nil {
			return fmt.Errorf("%q has an invalid port: give one such as vsock://:10068", address)
		}
		return nil
	}
	if _, err := net.DefaultResolver.LookupPort(ctx, "tcp", port); err != nil {
		return fmt.Errorf("%q has an invalid port: %s", address, example)
	}
	if host == "" {
		return nil
	}
	if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
		return fmt.Errorf("%q has a host that cannot be resolved: %s", address, example)
	}
	return nil
}
