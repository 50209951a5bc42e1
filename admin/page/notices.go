package page

// done are the notices after a form was accepted, by the word that the URL then has.
var done = map[string]notice{
	"password": {Kind: "good", Title: "The password is changed.", Text: "All other sessions of yours have ended."},
	"codes":    {Kind: "good", Title: "The app is removed.", Text: "From now on the password alone is asked for."},
	"session":  {Kind: "good", Title: "The session has ended.", Text: "That browser has to sign in again."},
	"account":  {Kind: "good", Title: "Saved.", Text: "Its sessions have ended, so that the change applies at once."},
	"added":    {Kind: "good", Title: "The account is added.", Text: "Tell the person the name and the password in a safe way."},
	"removed":  {Kind: "good", Title: "Removed.", Text: ""},
	"revoked":  {Kind: "good", Title: "The token is revoked.", Text: "Programs that use it are refused from now on."},
}

// doneNotice says what has just been done; nil for nothing.
func doneNotice(v *visit) *notice {
	if n, ok := done[v.URL.Query().Get("done")]; ok {
		return &n
	}
	return nil
}
