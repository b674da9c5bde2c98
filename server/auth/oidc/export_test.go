package oidc

// Allowed is what the client asks before it dials.
func Allowed(address string, local bool) error { return allowed(address, local) }
