package oauth

import (
	"encoding/json"
	"errors"
)

// Metadata is what an authorization server says about itself (RFC 8414 section 2, OpenID Connect Discovery section 3), as far as it matters to
// mail programs. It is untrusted text.
type Metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"` // RFC 7591; empty if clients cannot register
	Scopes                []string `json:"scopes_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	PKCE                  []string `json:"code_challenge_methods_supported"`
}

// maxList is how many entries of a list are read.
const maxList = 1000

// Read reads the document.
func Read(body []byte) (*Metadata, error) {
	var m Metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, errors.New("the answer is not a JSON document of this kind")
	}
	if m.Issuer == "" {
		return nil, errors.New("the document names no issuer")
	}
	for _, list := range []*[]string{&m.Scopes, &m.ResponseTypes, &m.GrantTypes, &m.PKCE} {
		*list = (*list)[:min(len(*list), maxList)]
	}
	return &m, nil
}
