// Package cluster runs several replicas of Weir on one PostgreSQL, all on this machine: processes of their own that can be
// killed, frozen, cut off from the database, stopped and started again, as another version too. `make ha` shows it, and
// tests do to it what happens to clusters.
//
// Nothing is left when it is closed. It needs PostgreSQL's programs, as tests do (server/store/postgrestest).
package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weirmesh/weir/server/faultproxy"
	"github.com/weirmesh/weir/server/store/postgrestest"
)

// Options say what a cluster is to be like.
type Options struct {
	Weir     string   // path of the program
	Replicas int      // how many; 3 when zero
	Args     []string // of weir serve, besides those that a cluster needs
}

// Cluster is a database and its replicas. Its methods are for one goroutine.
type Cluster struct {
	dir      string
	database *postgrestest.Server
	url      string // of the database itself
	replicas []*Replica
}

// Start starts the database and every replica, and waits until they serve. Its errors are for people.
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	c := &Cluster{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if c.dir, err = os.MkdirTemp("", "weir-cluster-"); err != nil {
		return nil, err
	}
	if c.database, err = postgrestest.Start(postgrestest.Options{Durable: true, Own: true}); err != nil {
		return nil, err
	}
	const name = "weir"
	if err := c.database.Exec("CREATE DATABASE " + name); err != nil {
		return nil, err
	}
	c.url = c.database.URL(name)
	key := filepath.Join(c.dir, "secret.key")
	for i := range cmp.Or(o.Replicas, 3) {
		r, err := c.newReplica(i, o, key)
		if err != nil {
			return nil, err
		}
		c.replicas = append(c.replicas, r)
		if err := r.Start(ctx, o.Weir); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// newReplica takes what a replica keeps for as long as the cluster lives: addresses, a data directory, a way to the database.
func (c *Cluster) newReplica(i int, o Options, key string) (*Replica, error) {
	r := &Replica{Name: fmt.Sprintf("weir-%c", 'a'+i), log: filepath.Join(c.dir, fmt.Sprintf("weir-%c.log", 'a'+i))}
	var err error
	var through string
	if r.way, through, err = faultproxy.Postgres(c.url); err != nil {
		return nil, err
	}
	for _, to := range []*string{&r.console, &r.XDS} {
		if *to, err = freePort(); err != nil {
			return nil, errors.Join(err, r.way.Close())
		}
	}
	r.URL = "http://" + r.console
	config := filepath.Join(c.dir, r.Name+".yaml")
	if err := os.WriteFile(config, []byte("people: {keyFile: "+key+"}\n"), 0o600); err != nil {
		return nil, errors.Join(err, r.way.Close())
	}
	r.args = append([]string{
		"serve", "--config", config, "--name", r.Name, "--listen", r.console, "--xds-listen", r.XDS, "--metrics-listen", "off",
		"--data", filepath.Join(c.dir, r.Name),
	}, o.Args...)
	r.env = append(os.Environ(), "WEIR_DATABASE_URL="+through)
	return r, nil
}

// freePort gives an address of this machine that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Replicas lists the replicas, running or not.
func (c *Cluster) Replicas() []*Replica { return c.replicas }

// XDS is where proxies find the replicas, as `weir bootstrap --xds` takes it.
func (c *Cluster) XDS() string {
	list := make([]string, len(c.replicas))
	for i, r := range c.replicas {
		list[i] = r.XDS
	}
	return strings.Join(list, ",")
}

// Database is the PostgreSQL server, to be restarted.
func (c *Cluster) Database() *postgrestest.Server { return c.database }

// Steward says which replica has the lease by the database's own clock, nil for none. Error: the database cannot be asked.
func (c *Cluster) Steward(ctx context.Context) (*Replica, error) {
	conn, err := pgx.Connect(ctx, c.url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	var holder string
	err = conn.QueryRow(ctx, "SELECT holder FROM leases WHERE name = 'steward' AND until > clock_timestamp()").Scan(&holder)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // nobody has it
	}
	for _, r := range c.replicas {
		if strings.HasPrefix(holder, r.Name+",") {
			return r, nil
		}
	}
	return nil, err
}

// Another waits until a replica other than the given ones has the lease, and says how long that took.
func (c *Cluster) Another(ctx context.Context, than ...*Replica) (*Replica, time.Duration, error) {
	begun := time.Now()
	for {
		r, err := c.Steward(ctx)
		if err == nil && r != nil && !contains(than, r) {
			return r, time.Since(begun), nil
		}
		select {
		case <-ctx.Done():
			return nil, 0, errors.Join(errors.New("no other replica took over"), err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func contains(list []*Replica, r *Replica) bool {
	for _, each := range list {
		if each == r {
			return true
		}
	}
	return false
}

// Close stops everything and removes what it wrote.
func (c *Cluster) Close() error {
	var errs []error
	for _, r := range c.replicas {
		r.Kill()
		errs = append(errs, r.way.Close())
	}
	if c.database != nil {
		errs = append(errs, c.database.Close())
	}
	if c.dir != "" {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	return errors.Join(errs...)
}
