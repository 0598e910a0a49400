package credential

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/prometheus/common/config"
)

// cliConfig is a config.toml of the hoop command line. The token is read again at each request, so a new `hoop login` needs no restart.
type cliConfig struct {
	path   string
	values cliValues // when the file was opened
}

// cliValues are the keys of the file that the exporter uses.
type cliValues struct {
	APIURL string `toml:"api_url"`
	Token  string `toml:"token"`
	// CA is the PEM of the gateway's CA in base64; empty if the CAs of the system are used.
	CA string `toml:"tls_ca"`
}

func openCLIConfig(path string) (*cliConfig, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, fmt.Errorf("find the home directory for ~: %w", err)
		}
		path = filepath.Join(home, rest)
	}
	c := &cliConfig{path: path}
	var err error
	c.values, err = c.read()
	return c, err
}

// read returns the values of the file. It does not return the decoder's errors, because they quote the file with the token.
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

// gateway returns the URL of the gateway. A token is valid only at the gateway that issued it, so a different URL in o is an error.
func (c *cliConfig) gateway(o Options) (string, error) {
	switch {
	case o.URL == "":
		if c.values.APIURL == "" {
			return "", fmt.Errorf("no gateway: %s has no api_url: set %s", c.path, o.name("url"))
		}
		return c.values.APIURL, nil
	case c.values.APIURL == "" || trimAPI(o.URL) == trimAPI(c.values.APIURL):
		return o.URL, nil
	case o.ByKeys:
		return "", errors.New("two gateways: url and the api_url of cli_config differ: log in at the one of url")
	}
	return "", errors.New("two gateways: --hoop.url and the api_url of --hoop.cli-config differ: remove --hoop.url")
}

// trimAPI returns a URL without the "/api" that client.New adds.
func trimAPI(url string) string {
	return strings.TrimSuffix(strings.TrimRight(strings.TrimSpace(url), "/"), "/api")
}

// applyCA sets the CA in an HTTP configuration that has none.
func (c *cliConfig) applyCA(cfg *config.HTTPClientConfig) {
	if pem, err := base64.StdEncoding.DecodeString(c.values.CA); err == nil && len(pem) > 0 && cfg.TLSConfig.CA == "" && cfg.TLSConfig.CAFile == "" {
		cfg.TLSConfig.CA = string(pem)
	}
}

// token returns the token as the file has it now.
func (c *cliConfig) token() (string, error) {
	v, err := c.read()
	return v.Token, err
}

// isAPIKey reports whether a token is an API key rather than a bearer token. API keys have the form xapi-... or <organization's UUID>|...
func isAPIKey(token string) bool {
	return regexp.MustCompile(`^(xapi-|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\|)`).MatchString(token)
}
