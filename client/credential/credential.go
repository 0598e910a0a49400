// Package credential turns what an operator said about a gateway and its credential into a client: exactly one source
// of a credential, read again on use where it is a file, and never in a text.
package credential

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/prometheus/common/config"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Options are the ways to name a gateway and a credential, as the exporter's flags and environment give them. "" is not given.
type Options struct {
	// URL is the gateway: --hoop.url. It may be left out where CLIConfig names one.
	URL string
	// Token is a bearer token, from the environment only: HOOP_TOKEN.
	Token string
	// TokenFile holds a bearer token: --hoop.token-file. It is read again on use.
	TokenFile string
	// APIKey is a key for the header Api-Key, from the environment only: HOOP_API_KEY.
	APIKey string
	// APIKeyFile holds such a key: --hoop.api-key-file. It is read again on use.
	APIKeyFile string
	// CLIConfig is the config.toml that `hoop login` writes: --hoop.cli-config. It is read again on use; "~/" is the home folder.
	CLIConfig string
	// HTTPConfigFile is a YAML file of the HTTPClientConfig of prometheus/common: --hoop.http-config-file. It may hold
	// a credential. Relative paths in it start from its own folder.
	HTTPConfigFile string
}

// Client makes a client for the gateway with the credential. Each error is one sentence for the operator: no URL, no
// credential or more than one, a file that cannot be used, two gateways. None holds a secret.
func (o Options) Client(opts ...client.Option) (*client.Client, error) {
	cfg := config.DefaultHTTPClientConfig
	if o.HTTPConfigFile != "" {
		c, err := readHTTPConfig(o.HTTPConfigFile)
		if err != nil {
			return nil, err
		}
		cfg = *c
	}
	if err := o.onlyOne(cfg); err != nil {
		return nil, err
	}
	url, key := o.URL, (func() (string, error))(nil)
	var httpOpts []config.HTTPClientOption
	switch {
	case o.Token != "":
		token := strings.TrimSpace(o.Token)
		if err := checkSecret(token); err != nil {
			return nil, fmt.Errorf("HOOP_TOKEN: %w", err)
		}
		cfg.Authorization = &config.Authorization{Type: "Bearer", Credentials: config.Secret(token)}
	case o.TokenFile != "":
		if _, err := readSecret(o.TokenFile); err != nil {
			return nil, fmt.Errorf("--hoop.token-file: %w", err)
		}
		cfg.Authorization = &config.Authorization{Type: "Bearer", CredentialsFile: o.TokenFile}
	case o.APIKey != "":
		if err := checkSecret(strings.TrimSpace(o.APIKey)); err != nil {
			return nil, fmt.Errorf("HOOP_API_KEY: %w", err)
		}
		key = func() (string, error) { return o.APIKey, nil }
	case o.APIKeyFile != "":
		if _, err := readSecret(o.APIKeyFile); err != nil {
			return nil, fmt.Errorf("--hoop.api-key-file: %w", err)
		}
		key = func() (string, error) { return readSecret(o.APIKeyFile) }
	case o.CLIConfig != "":
		cli, err := openCLIConfig(o.CLIConfig)
		if err != nil {
			return nil, fmt.Errorf("--hoop.cli-config: %w", err)
		}
		if url, err = cli.gateway(o.URL); err != nil {
			return nil, err
		}
		if key = cli.apply(&cfg); key == nil {
			httpOpts = append(httpOpts, config.WithSecretManager(cli))
		}
	}
	if url == "" {
		return nil, errors.New("no gateway: give its URL with --hoop.url or HOOP_URL, such as https://hoop.example.com/api")
	}
	hc, err := client.HTTPClient(cfg, httpOpts...)
	if err != nil {
		return nil, err
	}
	if key != nil {
		opts = append(opts, client.WithAPIKey(key))
	}
	return client.New(url, hc, opts...)
}

// onlyOne refuses no credential and more than one: which of two would be sent is nothing to guess.
func (o Options) onlyOne(cfg config.HTTPClientConfig) error {
	var given []string
	for _, source := range []struct {
		name  string
		given bool
	}{
		{"HOOP_TOKEN", o.Token != ""},
		{"--hoop.token-file", o.TokenFile != ""},
		{"HOOP_API_KEY", o.APIKey != ""},
		{"--hoop.api-key-file", o.APIKeyFile != ""},
		{"--hoop.cli-config", o.CLIConfig != ""},
		{"the credential in --hoop.http-config-file", holdsCredential(cfg)},
	} {
		if source.given {
			given = append(given, source.name)
		}
	}
	switch len(given) {
	case 0:
		return errors.New("no credential: set HOOP_TOKEN or HOOP_API_KEY in the environment, or give --hoop.token-file, " +
			"--hoop.api-key-file, --hoop.cli-config or an authorization in --hoop.http-config-file")
	case 1:
		return nil
	}
	return fmt.Errorf("more than one credential (%s): keep one", strings.Join(given, ", "))
}

// holdsCredential tells whether an HTTP configuration authenticates by itself.
func holdsCredential(cfg config.HTTPClientConfig) bool {
	if cfg.Authorization != nil || cfg.BasicAuth != nil || cfg.OAuth2 != nil || cfg.BearerToken != "" || cfg.BearerTokenFile != "" {
		return true
	}
	if cfg.HTTPHeaders == nil {
		return false
	}
	for name := range cfg.HTTPHeaders.Headers {
		if strings.EqualFold(name, "Api-Key") {
			return true
		}
	}
	return false
}

// readHTTPConfig reads the YAML strictly. Its decoder quotes values in errors, and a value may be a secret.
func readHTTPConfig(path string) (*config.HTTPClientConfig, error) {
	cfg, _, err := config.LoadHTTPConfigFile(path)
	if err != nil {
		text := regexp.MustCompile("`[^`]*`").ReplaceAllString(err.Error(), "<value>")
		return nil, fmt.Errorf("--hoop.http-config-file: %s", strings.Join(strings.Fields(text), " "))
	}
	return cfg, nil
}

// readSecret reads a file that holds nothing but a secret, and space around it.
func readSecret(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(b))
	if err := checkSecret(secret); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return secret, nil
}

// checkSecret refuses what cannot be sent in a header, without repeating it.
func checkSecret(s string) error {
	if s == "" {
		return errors.New("it is empty: put the credential there")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("it holds spaces or control characters: put only the credential there")
	}
	return nil
}
