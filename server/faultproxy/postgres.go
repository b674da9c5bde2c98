package faultproxy

import (
	"cmp"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
)

// Postgres puts a proxy before the PostgreSQL server of a URL, whether that names a host or the folder of a socket, and gives
// the URL of the same database by way of the proxy. TLS is off on the way.
func Postgres(database string) (p *Proxy, through string, err error) {
	u, err := url.Parse(database)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, "", errors.New("faultproxy: not the URL of a PostgreSQL database")
	}
	q := u.Query()
	host, port := cmp.Or(q.Get("host"), u.Hostname(), "127.0.0.1"), cmp.Or(q.Get("port"), u.Port(), "5432")
	network, address := "tcp", net.JoinHostPort(host, port)
	if strings.HasPrefix(host, "/") {
		network, address = "unix", filepath.Join(host, ".s.PGSQL."+port)
	}
	if p, err = New(network, address); err != nil {
		return nil, "", err
	}
	q.Del("host")
	q.Del("port")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = p.Addr(), q.Encode()
	return p, u.String(), nil
}
