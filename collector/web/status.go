package web

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/version"
)

//go:embed status.html
var statusTemplate string

//go:embed status.css
var statusStyle string

// The paths of the status page's parts.
const (
	stylePath  = "/-/status.css"
	configPath = "/config"
)

// statusPage serves the page for people at /, with its parts. It only reads what collectors have published: it makes no request, and waits
// for nothing. It is safe for concurrent use.
type statusPage struct {
	cfg    Config
	html   *template.Template
	places places
}

func newStatusPage(cfg Config) (*statusPage, error) {
	html, err := template.New("status").Parse(statusTemplate)
	if err != nil {
		return nil, fmt.Errorf("make the status page: %w", err)
	}
	return &statusPage{cfg: cfg, html: html, places: places{most: cfg.MaxRequests}}, nil
}

// page is what the template shows: a List, the Names, or a Row.
type page struct {
	Title, Version, Style string
	Pages                 []link
	Now                   moment
	Back                  bool
	Row                   *row
	List                  *list
	ListsNames            bool
	Names                 []row
}

// link is one of the exporter's pages.
type link struct {
	Path, Name, Help string
	Current          bool
}

// register adds the page and its parts.
func (p *statusPage) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.bounded(p.status))
	mux.HandleFunc("GET "+stylePath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write([]byte(statusStyle)) // the client may have gone away
	})
	if p.cfg.Configuration != nil {
		mux.HandleFunc("GET "+configPath, p.bounded(p.configuration))
	}
}

// bounded answers no more requests at once than scrapes of a gateway: with thousands of gateways, a page is work.
func (p *statusPage) bounded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !p.places.acquire("") {
			answer(w, http.StatusServiceUnavailable, fmt.Sprintf("hoop_exporter is already answering %d requests for its pages: try again.", p.places.most))
			return
		}
		defer p.places.release("")
		next(w, r)
	}
}

// status shows all gateways, the one of the parameter gateway, or the only one.
func (p *statusPage) status(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	var out page
	code := http.StatusOK
	switch name := values.Get("gateway"); {
	case p.cfg.Gateways == nil:
		only, _ := rowOf("", func() (Collector, string, error) { return p.cfg.Collector, "", nil }, "."+p.cfg.TelemetryPath)
		out.Row = &only
	case name != "":
		one, ok := p.row(name)
		if !ok {
			answer(w, http.StatusNotFound, "there is no gateway of this name here. "+knownGateways(p.cfg.Gateways))
			return
		}
		out.Row, out.Back = &one, true
	default:
		out.List = listOf(p.rows(), queryOf(values))
	}
	p.write(w, code, "/", out)
}

// row looks at one of the gateways of the configuration.
func (p *statusPage) row(name string) (row, bool) {
	return rowOf(name, func() (Collector, string, error) { return p.cfg.Gateways.Locate(name) }, metricsOf(name))
}

// metricsOf is where the metrics of a gateway are, as seen from the status page.
func metricsOf(name string) string {
	return "." + probePath + "?" + url.Values{"gateway": {name}}.Encode()
}

// rows looks at all gateways of the configuration.
func (p *statusPage) rows() []row {
	names := p.cfg.Gateways.Names()
	rows := make([]row, 0, len(names))
	for _, name := range names {
		if r, ok := p.row(name); ok { // else a reload has removed it just now
			rows = append(rows, r)
		}
	}
	return rows
}

// names lists the gateways for a browser that requests the metrics of none.
func (p *statusPage) names(w http.ResponseWriter) {
	out := page{ListsNames: true}
	for _, name := range p.cfg.Gateways.Names() {
		out.Names = append(out.Names, row{Title: name, Metrics: metricsOf(name)})
	}
	p.write(w, http.StatusOK, probePath, out)
}

// write answers with the page. current is the path of the page among the links.
func (p *statusPage) write(w http.ResponseWriter, code int, current string, out page) {
	now := time.Now()
	if p.cfg.clock != nil {
		now = p.cfg.clock()
	}
	out.Title, out.Version, out.Style, out.Pages = out.title(), "development build", stylePath, p.pages(current)
	if version.Version != "" && version.Version != "(devel)" { // which is what Go says of a build from a clone
		out.Version = version.Version
	}
	out.Now = moment{Text: now.UTC().Format("2006-01-02 15:04:05 UTC"), UTC: utc(now)}
	var body bytes.Buffer
	if err := p.html.Execute(&body, out); err != nil {
		p.cfg.Logger.Error("cannot write the status page", "err", err)
		answer(w, http.StatusInternalServerError, "cannot write the status page: see the log.")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(body.Bytes()) // the client may have gone away
}

// title is that of the browser's tab: what is wrong, first.
func (p *page) title() string {
	const program = "hoop_exporter"
	switch {
	case p.List != nil && p.List.alarming > 0:
		return fmt.Sprintf("%d of %s need attention – %s", p.List.alarming, p.List.Heading, program)
	case p.List != nil:
		return p.List.Heading + " – " + program
	case p.Row != nil && p.Row.Name != "":
		return p.Row.Name + ": " + strings.ToLower(p.Row.State.Text()) + " – " + program
	case p.Row != nil:
		return p.Row.State.Text() + " – " + program
	}
	return program
}

// pages are links to all pages.
func (p *statusPage) pages(current string) []link {
	all := []link{{"/", "Status", "how each gateway is", false}}
	if p.cfg.Gateways == nil {
		all = append(all, link{p.cfg.TelemetryPath, "Metrics", "the metrics", false})
	} else {
		all = append(all,
			link{p.cfg.TelemetryPath, "Exporter metrics", "the exporter itself, and the health of each gateway", false},
			link{probePath, "Gateway metrics", "the metrics of each gateway", false},
			link{targetPath, "Targets", "all gateways, for the HTTP service discovery of Prometheus", false})
	}
	if p.cfg.Configuration != nil {
		all = append(all, link{configPath, "Configuration", "the effective configuration, without secrets", false})
	}
	all = append(all, link{healthyPath, "Health", "200 while the process answers", false}, link{readyPath, "Readiness", "200 once the gateway was queried", false})
	if p.cfg.Profiles {
		all = append(all, link{pprofPath, "Profiles", "profiles of the process", false})
	}
	for i := range all {
		all[i].Current = all[i].Path == current
	}
	return all
}

// configuration shows the effective configuration as text.
func (p *statusPage) configuration(w http.ResponseWriter, _ *http.Request) {
	var body bytes.Buffer
	if err := p.cfg.Configuration(&body); err != nil {
		p.cfg.Logger.Error("cannot write the configuration", "err", err)
		answer(w, http.StatusInternalServerError, "cannot write the configuration: see the log.")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(body.Bytes())
}
