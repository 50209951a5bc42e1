package oidc_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// testProvider is an identity provider that does everything right, unless a test changes that.
type testProvider struct {
	t   *testing.T
	url string
	key *rsa.PrivateKey

	mutex sync.Mutex
	codes map[string]url.Values // the authorization requests, by code
	used  map[string]bool

	// claims are what the ID token says besides the usual.
	claims map[string]any
	// userInfo is what the UserInfo endpoint says; nil for no such endpoint.
	userInfo map[string]any
	// about is added to the discovery document.
	about map[string]any
	// change may change the claims of the ID token, last of all.
	change func(claims map[string]any, request url.Values)
	// sign makes the token; signed by the key if it is nil.
	sign func(header, claims map[string]any) string
	// down makes every answer 503.
	down bool
}

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

const clientID, clientSecret = "mailhint", "the secret of the client"

func newProvider(t *testing.T) *testProvider {
	p := &testProvider{t: t, key: testKey(), codes: make(map[string]url.Values), used: make(map[string]bool)}
	p.claims = map[string]any{"email": "Anna@hoster.example", "email_verified": true, "groups": []string{"everybody", "mail-admins"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer access" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		p.json(w, p.userInfo)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *testProvider) json(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

func (p *testProvider) discovery(w http.ResponseWriter, _ *http.Request) {
	about := map[string]any{"issuer": p.url, "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token", "jwks_uri": p.url + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"}}
	if p.userInfo != nil {
		about["userinfo_endpoint"] = p.url + "/userinfo"
	}
	for key, value := range p.about {
		about[key] = value
	}
	p.json(w, about)
}

func (p *testProvider) keys(w http.ResponseWriter, _ *http.Request) {
	encode := base64.RawURLEncoding.EncodeToString
	p.json(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": encode(p.key.N.Bytes()), "e": encode(big.NewInt(int64(p.key.E)).Bytes())}}})
}

// authorize is what happens in the browser: the person signs in, and is sent back.
func (p *testProvider) authorize(location string) (answer url.Values) {
	p.t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		p.t.Fatal(err)
	}
	request := u.Query()
	for name, want := range map[string]string{"client_id": clientID, "response_type": "code", "redirect_uri": redirect, "code_challenge_method": "S256", "scope": "openid profile"} {
		if got := request.Get(name); got != want {
			p.t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(request.Get(name)) < 43 {
			p.t.Errorf("%s is %q, too short", name, request.Get(name))
		}
	}
	code := rand.Text()
	p.mutex.Lock()
	p.codes[code] = request
	p.mutex.Unlock()
	return url.Values{"code": {code}, "state": {request.Get("state")}, "iss": {p.url}}
}

// token gives tokens for a code, once, to the client that has begun.
func (p *testProvider) token(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	code := r.PostFormValue("code")
	request, known := p.codes[code]
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	id, secret, _ := r.BasicAuth()
	secret, _ = url.QueryUnescape(secret)
	if !known || p.used[code] || r.PostFormValue("redirect_uri") != redirect || id != clientID || secret != clientSecret ||
		base64.RawURLEncoding.EncodeToString(challenge[:]) != request.Get("code_challenge") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(`{"error":"invalid_grant","error_description":"the code ` + code + `"}`))
		return
	}
	p.used[code] = true
	claims := map[string]any{"iss": p.url, "sub": "1234", "aud": clientID, "nonce": request.Get("nonce"), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	for key, value := range p.claims {
		claims[key] = value
	}
	if p.change != nil {
		p.change(claims, request)
	}
	sign := p.sign
	if sign == nil {
		sign = p.rs256
	}
	p.json(w, map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": sign(map[string]any{"alg": "RS256", "kid": "1"}, claims)})
}

// signingInput is the first two parts of a token.
func signingInput(header, claims map[string]any) string {
	h, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	c, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
}

func (p *testProvider) rs256(header, claims map[string]any) string {
	return rs256(p.key, header, claims)
}

func rs256(key *rsa.PrivateKey, header, claims map[string]any) string {
	input := signingInput(header, claims)
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// hs256 signs with a key that an attacker may know: the public key, or the secret of the client.
func hs256(key []byte, claims map[string]any) string {
	input := signingInput(map[string]any{"alg": "HS256", "kid": "1"}, claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
