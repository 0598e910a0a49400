package gatewaytest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// The roles of a credential. Only the first two see other people's sessions.
const (
	RoleAdmin    = "admin"
	RoleAuditor  = "auditor"
	RoleStandard = "standard"
)

// BadToken is refused whatever the configuration says: a way to a 401.
const BadToken = "bad-token"

// Credential is who a token or an API key stands for.
type Credential struct {
	// Role is admin, auditor or standard; empty is admin.
	Role string
	// UserID is the subject: a standard user sees the sessions of this one only.
	UserID string
	// Name and Email default to UserID.
	Name, Email string
	// Groups default to the role.
	Groups []string
}

// seesAll tells whether nothing is hidden from the caller.
func (c Credential) seesAll() bool { return c.Role == RoleAdmin || c.Role == RoleAuditor }

// credential is who asks, false where nobody whom the gateway knows.
func (g *Gateway) credential(h http.Header) (Credential, bool) {
	anyone := len(g.cfg.Tokens) == 0 && len(g.cfg.APIKeys) == 0
	known, secret := g.cfg.Tokens, ""
	if bearer, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer "); ok {
		secret = bearer
		if strings.HasPrefix(secret, "hpk_") && g.cfg.Dialect == Old {
			return Credential{}, false // such keys came with 1.59.0
		}
	} else if key := h.Get("Api-Key"); key != "" {
		known, secret = g.cfg.APIKeys, key
		if strings.HasPrefix(key, "hpk_") {
			return Credential{}, false // they belong after Bearer
		}
	}
	if secret == "" || secret == BadToken {
		return Credential{}, false
	}
	c, ok := known[secret]
	if !ok && !anyone {
		return Credential{}, false
	}
	return c.filled(), true
}

func (c Credential) filled() Credential {
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

// userinfo is the answer of GET /userinfo, its keys in the gateway's order.
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

// userinfo2026 is what new gateways add.
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
