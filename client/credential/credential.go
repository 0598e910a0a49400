// Package credential creates a client from an operator's settings: one gateway and exactly one source of a credential. Files are read again
// when they are used. No error contains a secret.
package credential

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/prometheus/common/config"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Options name a gateway and a credential. They come from the exporter's flags and environment, or from its configuration file. An empty
// field is not set.
type Options struct {
	// URL is the gateway: --hoop.url. It is optional if CLIConfig names a gateway.
	URL string
	// Token is a bearer token, from the environment only: HOOP_TOKEN.
	Token string
	// TokenFile is the path of a file with a bearer token: --hoop.token-file. It is read again at each request.
	TokenFile string
	// APIKey is an API key, from the environment only: HOOP_API_KEY.
	APIKey string
	// APIKeyFile is the path of a file with an API key: --hoop.api-key-file. It is read again at each request.
	APIKeyFile string
	// CLIConfig is the path of the config.toml that `hoop login` writes: --hoop.cli-config. It is read again at each request. "~/" is the
	// home directory.
	CLIConfig string
	// HTTPConfigFile is the path of a YAML file with an HTTPClientConfig of prometheus/common: --hoop.http-config-file. It may contain a
	// credential. Relative paths in it are relative to its own directory.
	HTTPConfigFile string
	// HTTP is such a configuration, already decoded. It takes precedence over HTTPConfigFile.
	HTTP *config.HTTPClientConfig

	// ByKeys is true if the options are keys of a configuration file. Errors then use the names of the keys, and files are read at the
	// first request rather than by [Options.Client], because a missing secret must not stop the other gateways of the file. A file that
	// cannot be read is tried again at the next request.
	ByKeys bool
}

// Client returns a client for the gateway with the credential. It returns an error if there is no URL, no credential or more than one, a
// file that cannot be used, or if URL and CLIConfig name different gateways. Errors are one sentence for the operator, without a secret.
func (o Options) Client(opts ...client.Option) (*client.Client, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.ByKeys {
		hc, token := o.lazyClient()
		return client.New(o.URL, hc, append(opts, client.WithToken(token))...)
	}
	r, err := o.resolve()
	if err != nil {
		return nil, err
	}
	if r.apiKey != nil {
		opts = append(opts, client.WithAPIKey(r.apiKey))
	}
	if r.token != nil {
		opts = append(opts, client.WithToken(r.token))
	}
	return client.New(r.url, r.http, opts...)
}

// HTTPConfig returns the HTTP configuration of the options, without the credential of the other options.
func (o Options) HTTPConfig() (config.HTTPClientConfig, error) {
	switch {
	case o.HTTP != nil:
		cfg := *o.HTTP
		// prometheus/common writes to these when it uses them.
		if cfg.Authorization != nil {
			cfg.Authorization = new(*cfg.Authorization)
		}
		if cfg.OAuth2 != nil {
			cfg.OAuth2 = new(*cfg.OAuth2)
		}
		return cfg, nil
	case o.HTTPConfigFile != "":
		return readHTTPConfig(o.HTTPConfigFile)
	}
	return config.DefaultHTTPClientConfig, nil
}

// Check returns an error unless the options name exactly one credential. It does not read the credential.
func (o Options) Check() error {
	cfg, err := o.HTTPConfig()
	if err != nil {
		return err
	}
	return o.checkOneSource(cfg)
}

// resolved is what the options say after their files were read.
type resolved struct {
	url    string
	http   *http.Client
	apiKey func() (string, error) // returns the API key; nil if the credential is not an API key
	token  func() (string, error) // returns the bearer token of a file; nil if the credential is not such a file
}

// resolve reads the files that the options name.
func (o Options) resolve() (r resolved, err error) {
	cfg, err := o.HTTPConfig()
	if err != nil {
		return r, err
	}
	r.url = o.URL
	switch {
	case o.Token != "":
		token := strings.TrimSpace(o.Token)
		if err := checkSecret(token); err != nil {
			return r, fmt.Errorf("HOOP_TOKEN: %w", err)
		}
		cfg.Authorization = &config.Authorization{Type: "Bearer", Credentials: config.Secret(token)}
	case o.TokenFile != "":
		if _, err := readSecret(o.TokenFile); err != nil {
			return r, fmt.Errorf("%s: %w", o.name("token-file"), err)
		}
		r.token = func() (string, error) { return readSecret(o.TokenFile) }
	case o.APIKey != "":
		if err := checkSecret(strings.TrimSpace(o.APIKey)); err != nil {
			return r, fmt.Errorf("HOOP_API_KEY: %w", err)
		}
		r.apiKey = func() (string, error) { return o.APIKey, nil }
	case o.APIKeyFile != "":
		if _, err := readSecret(o.APIKeyFile); err != nil {
			return r, fmt.Errorf("%s: %w", o.name("api-key-file"), err)
		}
		r.apiKey = func() (string, error) { return readSecret(o.APIKeyFile) }
	case o.CLIConfig != "":
		cli, err := openCLIConfig(o.CLIConfig)
		if err != nil {
			return r, fmt.Errorf("%s: %w", o.name("cli-config"), err)
		}
		if r.url, err = cli.gateway(o); err != nil {
			return r, err
		}
		cli.applyCA(&cfg)
		if isAPIKey(cli.values.Token) {
			r.apiKey = cli.token
		} else {
			r.token = cli.token
		}
	default:
		if file := takeTokenFile(&cfg); file != "" {
			r.token = func() (string, error) { return readSecret(file) }
		}
	}
	if r.url == "" {
		return r, errors.New("no gateway: give its URL with --hoop.url or HOOP_URL, such as https://hoop.example.com/api")
	}
	r.http, err = client.HTTPClient(cfg)
	return r, err
}

// takeTokenFile removes the file of a bearer token from an HTTP configuration and returns its path; empty if there is none. The client
// reads such a file itself: prometheus/common would send an empty token, and would not notice that the file is newer than a token that the
// gateway has sent.
func takeTokenFile(cfg *config.HTTPClientConfig) string {
	file := cfg.BearerTokenFile
	if a := cfg.Authorization; a != nil && (a.Type == "" || strings.EqualFold(a.Type, "Bearer")) && a.CredentialsFile != "" {
		file = a.CredentialsFile
		cfg.Authorization = nil
	}
	cfg.BearerTokenFile = ""
	return file
}

// name returns the name of an option for errors: the flag or the key of the configuration file.
func (o Options) name(option string) string {
	switch {
	case !o.ByKeys:
		return "--hoop." + option
	case option == "http-config-file":
		return "http_client_config"
	}
	return strings.ReplaceAll(option, "-", "_")
}

func (o Options) checkOneSource(cfg config.HTTPClientConfig) error {
	var given []string
	for _, source := range []struct {
		name  string
		given bool
	}{
		{"HOOP_TOKEN", o.Token != ""},
		{o.name("token-file"), o.TokenFile != ""},
		{"HOOP_API_KEY", o.APIKey != ""},
		{o.name("api-key-file"), o.APIKeyFile != ""},
		{o.name("cli-config"), o.CLIConfig != ""},
		{"the credential in " + o.name("http-config-file"), hasCredential(cfg)},
	} {
		if source.given {
			given = append(given, source.name)
		}
	}
	switch {
	case len(given) == 1:
		return nil
	case len(given) > 1:
		return fmt.Errorf("more than one credential (%s): keep one", strings.Join(given, ", "))
	case o.ByKeys:
		return errors.New("no credential: give token_file, api_key_file, cli_config or an authorization in http_client_config")
	}
	return errors.New("no credential: set HOOP_TOKEN or HOOP_API_KEY in the environment, or give --hoop.token-file, " +
		"--hoop.api-key-file, --hoop.cli-config or an authorization in --hoop.http-config-file")
}

// hasCredential reports whether an HTTP configuration authenticates by itself.
func hasCredential(cfg config.HTTPClientConfig) bool {
	if cfg.Authorization != nil || cfg.BasicAuth != nil || cfg.OAuth2 != nil || cfg.BearerToken != "" || cfg.BearerTokenFile != "" {
		return true
	}
	if cfg.HTTPHeaders == nil {
		return false
	}
	for name := range cfg.HTTPHeaders.Headers {
		if strings.EqualFold(name, client.APIKeyHeader) {
			return true
		}
	}
	return false
}

// readHTTPConfig reads the YAML and rejects unknown keys.
func readHTTPConfig(path string) (config.HTTPClientConfig, error) {
	cfg, _, err := config.LoadHTTPConfigFile(path)
	if err != nil {
		return config.HTTPClientConfig{}, fmt.Errorf("--hoop.http-config-file: %w", YAMLError(err))
	}
	return *cfg, nil
}

// readSecret reads a file that contains only a secret, and removes spaces around it.
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

// checkSecret returns an error if s cannot be sent in a header. The error does not contain s.
func checkSecret(s string) error {
	if s == "" {
		return errors.New("it is empty: put the credential there")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("it contains spaces or control characters: put only the credential there")
	}
	return nil
}
