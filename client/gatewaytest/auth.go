package gatewaytest

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/hoop-exporter/hoop_exporter/client"
)

// The roles of a credential. Only the first two see the sessions of other users.
const (
	RoleAdmin    = "admin"
	RoleAuditor  = "auditor"
	RoleStandard = "standard"
)

// BadToken is always refused with 401.
const BadToken = "bad-token"

// Credential is the user that a token or an API key belongs to.
type Credential struct {
	// Role is admin, auditor or standard. The default is admin.
	Role string
	// UserID is the subject identifier. A standard user sees only the sessions with this one.
	UserID string
	// Name and Email default to UserID.
	Name, Email string
	// Groups default to the role.
	Groups []string
}

// seesAll reports whether the user sees the sessions of all users.
func (c Credential) seesAll() bool { return c.Role == RoleAdmin || c.Role == RoleAuditor }

// credential returns the user that the headers authenticate, or false.
func (g *Gateway) credential(h http.Header) (Credential, bool) {
	anyone := len(g.cfg.Tokens) == 0 && len(g.cfg.APIKeys) == 0
	known, secret := g.cfg.Tokens, ""
	if bearer, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer "); ok {
		secret = bearer
		if strings.HasPrefix(secret, "hpk_") && g.cfg.Dialect == Old {
			return Credential{}, false // such keys came with 1.59.0
		}
	} else if key := h.Get(client.APIKeyHeader); key != "" {
		known, secret = g.cfg.APIKeys, key
		if strings.HasPrefix(key, "hpk_") {
			return Credential{}, false // such keys are bearer tokens
		}
	}
	if secret == "" || secret == BadToken {
		return Credential{}, false
	}
	c, ok := known[secret]
	if !ok && !anyone {
		return Credential{}, false
	}
	return c.withDefaults(), true
}

func (c Credential) withDefaults() Credential {
	if c.Role == "" {
		c.Role = RoleAdmin
	}
	if c.UserID == "" {
		c.UserID = "admin@example.com"
	}
	if c.Name == "" {
		c.Name = c.UserID
	}
	if c.Email == "" {
		c.Email = c.UserID
	}
	if c.Groups == nil {
		c.Groups = []string{c.Role}
	}
	return c
}

// userinfo is the answer of GET /userinfo, with its keys in the order of a gateway.
type userinfo struct {
	ID              string   `json:"id"`
	Name            string   `json:"name"`
	Email           string   `json:"email"`
	Status          string   `json:"status"`
	Verified        bool     `json:"verified"`
	Role            string   `json:"role"`
	SlackID         string   `json:"slack_id"`
	Picture         string   `json:"picture"`
	Groups          []string `json:"groups"`
	IsAdmin         bool     `json:"is_admin"`
	IsMultitenant   bool     `json:"is_multitenant"`
	TenancyType     string   `json:"tenancy_type"`
	OrgID           string   `json:"org_id"`
	OrgName         string   `json:"org_name"`
	OrgLicense      string   `json:"org_license"`
	FeatureAskAI    string   `json:"feature_ask_ai"`
	UsersManagement string   `json:"webapp_users_management"`
}

// userinfo2026 is the answer of a new gateway.
type userinfo2026 struct {
	userinfo
	ProtectionProfile  *string `json:"default_protection_profile"`
	ShowOriginSurvey   bool    `json:"show_origin_survey"`
	ShowSetupChecklist bool    `json:"show_setup_checklist"`
}

func (g *Gateway) userinfo(c Credential) *reply {
	info := userinfo{
		ID: c.UserID, Name: c.Name, Email: c.Email, Status: "active", Verified: true, Role: c.Role, Groups: c.Groups,
		IsAdmin: c.Role == RoleAdmin, TenancyType: "selfhosted", OrgID: g.cfg.OrgID, OrgName: "default",
		FeatureAskAI: "unavailable", UsersManagement: "on",
	}
	var body any = info
	if g.cfg.Dialect >= New2026 {
		body = userinfo2026{userinfo: info}
	}
	b, err := json.Marshal(body)
	if err != nil {
		return refuse(refusal{http.StatusInternalServerError, err.Error()})
	}
	return &reply{code: http.StatusOK, body: b}
}
