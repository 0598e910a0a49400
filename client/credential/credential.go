// Package credential turns what an operator said about a gateway and its credential into a client: exactly one source
// of a credential, read again on use where it is a file, and never in a text.
package credential

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/prometheus/common/config"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// Options are the ways to name a gateway and a credential, as the exporter's flags and environment, or the keys of its configuration file,
// give them. "" is not given.
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
	// HTTP is such a configuration itself, instead of a file.
	HTTP *config.HTTPClientConfig

	// ByKeys tells that the options are keys of a configuration file: errors call them so, and files are read at the first request
	// rather than by Client, since one missing secret must not take the other gateways of the file down. What fails then is tried again
	// at the next request.
	ByKeys bool
}

// Client makes a client for the gateway with the credential. Each error is one sentence for the operator: no URL, no
// credential or more than one, a file that cannot be used, two gateways. None holds a secret.
func (o Options) Client(opts ...client.Option) (*client.Client, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if o.ByKeys {
		return client.New(o.URL, o.later(), opts...)
	}
	c, err := o.connect()
	if err != nil {
		return nil, err
	}
	if c.key != nil {
		opts = append(opts, client.WithAPIKey(c.key))
	}
	return client.New(c.url, c.http, opts...)
}

// HTTPConfig is the HTTP configuration that the options give, before a credential from elsewhere is added.
func (o Options) HTTPConfig() (config.HTTPClientConfig, error) {
	switch {
	case o.HTTP != nil:
		cfg := *o.HTTP
		// These are written to when they are used.
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

// Check refuses no credential and more than one, which can be told without reading one: which of two would be sent is nothing to guess.
func (o Options) Check() error {
	cfg, err := o.HTTPConfig()
	if err != nil {
		return err
	}
	return o.onlyOne(cfg)
}

// connection is what it takes to ask a gateway.
type connection struct {
	url  string
	http *http.Client
	key  func() (string, error) // nil: no key for the header Api-Key
}

// connect reads the files.
func (o Options) connect() (c connection, err error) {
	cfg, err := o.HTTPConfig()
	if err != nil {
		return c, err
	}
	c.url = o.URL
	var httpOpts []config.HTTPClientOption
	switch {
	case o.Token != "":
		token := strings.TrimSpace(o.Token)
		if err := checkSecret(token); err != nil {
			return c, fmt.Errorf("HOOP_TOKEN: %w", err)
		}
		cfg.Authorization = &config.Authorization{Type: "Bearer", Credentials: config.Secret(token)}
	case o.TokenFile != "":
		if _, err := readSecret(o.TokenFile); err != nil {
			return c, fmt.Errorf("%s: %w", o.name("token-file"), err)
		}
		cfg.Authorization = &config.Authorization{Type: "Bearer", CredentialsFile: o.TokenFile}
	case o.APIKey != "":
		if err := checkSecret(strings.TrimSpace(o.APIKey)); err != nil {
			return c, fmt.Errorf("HOOP_API_KEY: %w", err)
		}
		c.key = func() (string, error) { return o.APIKey, nil }
	case o.APIKeyFile != "":
		if _, err := readSecret(o.APIKeyFile); err != nil {
			return c, fmt.Errorf("%s: %w", o.name("api-key-file"), err)
		}
		c.key = func() (string, error) { return readSecret(o.APIKeyFile) }
	case o.CLIConfig != "":
		cli, err := openCLIConfig(o.CLIConfig)
		if err != nil {
			return c, fmt.Errorf("%s: %w", o.name("cli-config"), err)
		}
		if c.url, err = cli.gateway(o); err != nil {
			return c, err
		}
		if c.key = cli.apply(&cfg); c.key == nil {
			httpOpts = append(httpOpts, config.WithSecretManager(cli))
		}
	}
	if c.url == "" {
		return c, errors.New("no gateway: give its URL with --hoop.url or HOOP_URL, such as https://hoop.example.com/api")
	}
	c.http, err = client.HTTPClient(cfg, httpOpts...)
	return c, err
}

// name is what errors call an option.
func (o Options) name(option string) string {
	switch {
	case !o.ByKeys:
		return "--hoop." + option
	case option == "http-config-file":
		return "http_client_config"
	}
	return strings.ReplaceAll(option, "-", "_")
}

func (o Options) onlyOne(cfg config.HTTPClientConfig) error {
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
		{"the credential in " + o.name("http-config-file"), holdsCredential(cfg)},
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
func readHTTPConfig(path string) (config.HTTPClientConfig, error) {
	cfg, _, err := config.LoadHTTPConfigFile(path)
	if err != nil {
		text := regexp.MustCompile("`[^`]*`").ReplaceAllString(err.Error(), "<value>")
		return config.HTTPClientConfig{}, fmt.Errorf("--hoop.http-config-file: %s", strings.Join(strings.Fields(text), " "))
	}
	return *cfg, nil
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
