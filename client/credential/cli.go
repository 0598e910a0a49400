package credential

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/prometheus/common/config"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// cliConfig is a config.toml of the hoop command line. It hands out the token as the file has it at that moment, so
// that a new `hoop login` needs no restart.
type cliConfig struct {
	path string
	now  cliValues // as it was at the start
}

// cliValues are the keys of the file that matter here.
type cliValues struct {
	APIURL string `toml:"api_url"`
	Token  string `toml:"token"`
	// CA is the PEM of the gateway's CA in base64, empty where the system's ones do.
	CA string `toml:"tls_ca"`
}

func openCLIConfig(path string) (*cliConfig, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("find the home folder for ~: %w", err)
		}
		path = filepath.Join(home, rest)
	}
	c := &cliConfig{path: path}
	var err error
	c.now, err = c.read()
	return c, err
}

// read gives the file's values. The decoder's own errors are not passed on: they quote the file, token and all.
func (c *cliConfig) read() (cliValues, error) {
	var v cliValues
	b, err := os.ReadFile(c.path)
	if err != nil {
		return v, fmt.Errorf("%w: log in with `hoop login` first", err)
	}
	if _, err := toml.Decode(string(b), &v); err != nil {
		at := ""
		if parse := (toml.ParseError{}); errors.As(err, &parse) {
			at = fmt.Sprintf(", line %d", parse.Position.Line)
		}
		return v, fmt.Errorf("%s is not a configuration of the hoop command line%s: log in with `hoop login` again", c.path, at)
	}
	v.Token = strings.TrimSpace(v.Token)
	if err := checkSecret(v.Token); err != nil {
		return v, fmt.Errorf("the token in %s cannot be used: log in with `hoop login` again", c.path)
	}
	return v, nil
}

// gateway is the URL to use. A token is for the gateway that it was made by, so another URL beside it is refused.
func (c *cliConfig) gateway(o Options) (string, error) {
	switch {
	case o.URL == "":
		if c.now.APIURL == "" {
			return "", fmt.Errorf("no gateway: %s has no api_url, so give %s", c.path, o.name("url"))
		}
		return c.now.APIURL, nil
	case c.now.APIURL == "" || plain(o.URL) == plain(c.now.APIURL):
		return o.URL, nil
	case o.ByKeys:
		return "", errors.New("two gateways: url and the api_url of cli_config differ, log in at the one of url")
	}
	return "", errors.New("two gateways: --hoop.url and the api_url of --hoop.cli-config differ, leave --hoop.url out")
}

// plain is a URL without what client.New adds anyway.
func plain(url string) string {
	return strings.TrimSuffix(strings.TrimRight(strings.TrimSpace(url), "/"), "/api")
}

// apply puts the CA and the token into an HTTP configuration. Where the token is an API key, which does not go as a
// bearer token, it returns what hands out the key.
func (c *cliConfig) apply(cfg *config.HTTPClientConfig) func() (string, error) {
	if pem, err := base64.StdEncoding.DecodeString(c.now.CA); err == nil && len(pem) > 0 && cfg.TLSConfig.CA == "" && cfg.TLSConfig.CAFile == "" {
		cfg.TLSConfig.CA = string(pem)
	}
	if isAPIKey(c.now.Token) {
		return c.token
	}
	cfg.Authorization = &config.Authorization{Type: "Bearer", CredentialsRef: c.path}
	return nil
}

func (c *cliConfig) token() (string, error) {
	v, err := c.read()
	return v.Token, err
}

// Fetch makes the file a config.SecretManager of one secret, which is asked at each request.
func (c *cliConfig) Fetch(_ context.Context, ref string) (string, error) {
	if ref != c.path {
		return "", errors.New("references to secrets other than the hoop command line's token are not supported")
	}
	token, err := c.token()
	if err != nil {
		return "", fmt.Errorf("%w: %w", client.ErrCredential, err)
	}
	return token, nil
}

// isAPIKey tells the two forms of API keys from bearer tokens: xapi-... and <organisation's UUID>|...
func isAPIKey(token string) bool {
	return regexp.MustCompile(`^(xapi-|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\|)`).MatchString(token)
}
