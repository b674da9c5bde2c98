package scrape

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/yaml"
)

const (
	// pollEach is how often files of targets are looked at.
	pollEach = time.Second
	// maxFile is how large one may be.
	maxFile = 16 << 20
	// maxLookup is how long the DNS may take.
	maxLookup = 10 * time.Second
)

// discover starts looking for targets wherever the job says.
func (p *pool) discover(ctx context.Context, g *errgroup.Group) {
	if len(p.job.Targets) > 0 {
		p.report("targets", []group{{Targets: p.job.Targets}}, "")
	}
	if len(p.job.Files) > 0 {
		g.Go(func() error { return p.watchFiles(ctx) })
	}
	for _, d := range p.job.DNS {
		g.Go(func() error { return p.watchDNS(ctx, d) })
	}
}

// watchFiles reads the files whenever their content changed.
func (p *pool) watchFiles(ctx context.Context) error {
	tick := time.NewTicker(pollEach)
	defer tick.Stop()
	seen := make(map[string]fileState)
	for {
		for _, pattern := range p.job.Files {
			p.readFiles(pattern, seen)
		}
		select {
		case <-ctx.Done():
			return errStopped
		case <-tick.C:
		}
	}
}

// fileState is what tells that a file changed.
type fileState struct {
	modified time.Time
	size     int64
	content  []byte
}

// readFiles reads what a pattern matches. A file that matches no longer takes its targets with it; one that is named and
// missing, cannot be read, or is half written, does not.
func (p *pool) readFiles(pattern string, seen map[string]fileState) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		p.report("file:"+pattern, nil, fmt.Sprintf("%q is not a pattern of files: %v", pattern, err))
		return
	}
	if len(paths) == 0 && !slices.ContainsFunc([]byte(pattern), func(c byte) bool { return strings.IndexByte("*?[", c) >= 0 }) {
		paths = []string{pattern} // so that the error says that it is missing
	}
	for _, path := range paths {
		if groups, err := readFile(path, seen); err != nil {
			seen[path] = fileState{} // to be read again, and to be missed when it is gone
			p.report("file:"+path, nil, err.Error())
		} else if groups != nil {
			p.report("file:"+path, *groups, "")
		}
	}
	for path := range seen {
		if ok, _ := filepath.Match(pattern, path); ok && !slices.Contains(paths, path) {
			delete(seen, path)
			p.report("file:"+path, nil, "")
		}
	}
}

// readFile gives the groups of a file that changed, nil of one that did not.
func readFile(path string, seen map[string]fileState) (*[]group, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, errors.New("there is no such file: create it, or correct the job's files")
	case err != nil:
		return nil, err
	case info.Size() > maxFile:
		return nil, fmt.Errorf("the file has %d bytes, at most %d are read", info.Size(), maxFile)
	}
	was, known := seen[path]
	if known && was.modified.Equal(info.ModTime()) && was.size == info.Size() {
		return nil, nil
	}
	content, err := read(path)
	if err != nil {
		return nil, err
	}
	if known && bytes.Equal(was.content, content) {
		seen[path] = fileState{info.ModTime(), info.Size(), content}
		return nil, nil
	}
	groups, err := parseGroups(content)
	if err != nil {
		return nil, err
	}
	seen[path] = fileState{info.ModTime(), info.Size(), content}
	return &groups, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read from
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// parseGroups reads Prometheus' file_sd format; JSON is YAML.
func parseGroups(content []byte) ([]group, error) {
	var groups []group
	if err := yaml.UnmarshalStrict(content, &groups); err != nil {
		return nil, fmt.Errorf("the file is not a list of {targets: [host:port], labels: {name: \"value\"}} in JSON or YAML: %s", brief(err.Error()))
	}
	return groups, nil
}

// watchDNS looks a name up again and again.
func (p *pool) watchDNS(ctx context.Context, d DNS) error {
	where := "dns:" + d.Type + ":" + d.Name
	if d.Port != 0 {
		where += ":" + strconv.Itoa(d.Port) // the same name may be looked up for another port
	}
	tick := time.NewTicker(d.Refresh)
	defer tick.Stop()
	for {
		addresses, err := p.lookup(ctx, d)
		switch {
		case ctx.Err() != nil:
			return errStopped
		case err != nil:
			p.report(where, nil, err.Error())
		default:
			p.report(where, []group{{Targets: addresses, Labels: map[string]string{"__meta_dns_name": d.Name}}}, "")
		}
		select {
		case <-ctx.Done():
			return errStopped
		case <-tick.C:
		}
	}
}

// lookup gives the addresses behind a name, sorted.
func (p *pool) lookup(ctx context.Context, d DNS) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, maxLookup)
	defer cancel()
	names := cmp.Or(p.names, net.DefaultResolver)
	var list []string
	var err error
	if d.Type == "SRV" {
		var records []*net.SRV
		_, records, err = names.LookupSRV(ctx, "", "", d.Name)
		for _, r := range records {
			list = append(list, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
		}
		if len(records) > 0 {
			err = nil // others among them had bad names, and were left out
		}
	} else {
		network := map[string]string{"A": "ip4", "AAAA": "ip6"}[d.Type]
		ips, e := names.LookupNetIP(ctx, network, d.Name)
		err = e
		for _, ip := range ips {
			list = append(list, net.JoinHostPort(ip.Unmap().String(), strconv.Itoa(d.Port)))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the name %s (%s) does not resolve, the targets found before stay: %s", d.Name, d.Type, brief(err.Error()))
	}
	slices.Sort(list)
	return list, nil
}
