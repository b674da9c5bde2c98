package page

import "time"

// Who is the reader, where people sign in.
type Who struct {
	Name    string
	Manages bool // people, too
}

// SignIn is the page that asks for a name and a password.
type SignIn struct {
	Shell
	Next   string // where to go afterwards
	Name   string // as it was entered
	Error  string
	Nobody bool // there is nobody yet who could sign in
	// Provider is what an identity provider's button says, ProviderTo where it leads; empty: there is none. ProviderError is
	// why the provider did not let somebody in.
	Provider, ProviderTo, ProviderError string
}

// Welcome is the page that a setup link or an invitation leads to.
type Welcome struct {
	Shell
	Kind   string // "setup", "invite"
	Action string
	Name   string // as it was entered; of an invitation: whom it is for
	Over   bool   // the link is not good
	Error  string
	Errors map[string]string // by field
}

// GrantRow is a role, and the patterns of where; empty patterns are everything.
type GrantRow struct{ Role, Mesh, Name string }

// words says a grant in the reader's language.
func (g GrantRow) words(s Shell) string {
	role := s.L.T("role." + g.Role)
	switch {
	case g.Mesh == "" && g.Name == "":
		return s.L.T("grant.every", "role", role)
	case g.Name == "":
		return s.L.T("grant.mesh", "role", role, "mesh", g.Mesh)
	case g.Mesh == "":
		return s.L.T("grant.name", "role", role, "name", g.Name)
	}
	return s.L.T("grant.both", "role", role, "mesh", g.Mesh, "name", g.Name)
}

// Account is the page at "/account".
type Account struct {
	Shell
	Name     string
	Provider string // the identity provider they sign in through; "" with a password
	Grants   []GrantRow
	Roles    []string
	Errors   map[string]string // of the password's form, by field
	Sessions []Session
	Tokens   []Token
	Token    TokenForm
	Days     int    // that a token is good for unless somebody says otherwise
	Secret   string // of the token that was just made; shown once
	SecretOf string // its name
	Done     string // what was just done: "password", "session", "revoked"
}

// Session is a browser in which somebody is signed in.
type Session struct {
	Name, Agent, Address string
	At, Seen             time.Time
	Own                  bool // the one that the page is shown in
}

// Token is an API token or an access key.
type Token struct {
	ID, Name          string
	Grants            []GrantRow
	At, Expires, Used time.Time
	State             string // "valid", "expired", "revoked"
	Key               bool   // an App Mesh access key
}

// TokenForm is what somebody entered for a token.
type TokenForm struct {
	Name, Days, Error string
	Rows              []GrantRow
}

// People is the page at "/people".
type People struct {
	Shell
	List    []Person
	Roles   []string
	Name    string // of the form
	Rows    []GrantRow
	Error   string
	Link    string // the invitation that was just made; shown once
	LinkFor string
	Until   time.Time
	Done    string // "removed"
}

// Person is somebody who may come in.
type Person struct {
	ID, Name string
	Grants   []GrantRow
	State    string // "active", "invited", "disabled"
	Provider string
	At, Seen time.Time
}

// PersonView is the page of one person.
type PersonView struct {
	Shell
	Person  Person
	Rows    []GrantRow
	Version int64
	Roles   []string
	Action  string
	Own     bool // the reader's own
	Errors  map[string]string
	Link    string
	Until   time.Time
	Done    string // "grants", "disable", "enable"
}

func invalid(errs map[string]string, field string) string {
	if errs[field] != "" {
		return "true"
	}
	return "false"
}

// about are the ids of what describes a field.
func about(errs map[string]string, field, hint string) string {
	if errs[field] != "" {
		return field + "-error"
	}
	return hint
}
