package server

import "github.com/weirmesh/weir/server/web"

// admission is what the console needs to let people in; nil where there is no sign-in.
func (s *Server) admission() *web.Admission {
	if s.people == nil {
		return nil
	}
	d := s.people.Directory
	a := &web.Admission{
		Entrance: d, People: d, Standing: d, Sessions: s.people.Sessions, Tokens: s.people.Tokens,
		Keep: s.gate.Keep, Encrypted: s.gate.Encrypted,
	}
	if s.provider != nil {
		a.Provider = s.provider
	}
	return a
}
