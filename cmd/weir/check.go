package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/metrics/scrape"
)

// checkTargetCommand reads a page of metrics from here, before a server is told to.
func (a *app) checkTargetCommand() *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use:   "check URL",
		Short: "Read a page of metrics once, from this machine, and say what is on it",
		Args:  cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			job, address, err := jobOf(args[0])
			if err != nil {
				return err
			}
			r, err := scrape.CheckTarget(ctx, job, address)
			if err != nil {
				return err
			}
			if f == "table" {
				a.describe(r)
				return nil
			}
			data, err := json.Marshal(r)
			if err != nil {
				return fmt.Errorf("write the report: %w", err)
			}
			return a.raw(f, data)
		}),
	}
	formatFlag(cmd, &f)
	return cmd
}

// jobOf makes the job that would scrape a URL; a bare host:port is an Envoy's admin interface.
func jobOf(text string) (job scrape.Job, address string, err error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return job, "", misuse("URL %q: write it as in http://10.0.0.1:9901/stats/prometheus", text)
	}
	if u.User != nil {
		return job, "", misuse("URL http://%s: leave the user and password out, they are not sent; a job gives them with http.basic_auth", u.Host)
	}
	return scrape.Job{
		Name: "check", Mesh: "check", Node: "check", Targets: []string{u.Host}, Scheme: u.Scheme, Path: strings.TrimSuffix(u.Path, "/"), Params: u.Query(),
	}, u.Host, nil
}

func (a *app) describe(r scrape.Report) {
	fmt.Fprintf(a.stdout, "%s answers in %s: %d bytes of %s, %d metrics, %d samples, of which %d are kept\n",
		r.URL, seconds(r.Took.Seconds()), r.Bytes, r.Format, r.Families, r.Samples, r.Kept)
	for _, d := range r.Dialects {
		fmt.Fprintf(a.stdout, "it speaks %s: %s\n", d.Dialect, strings.Join(d.Anchors, ", "))
	}
	if len(r.Dialects) == 0 {
		fmt.Fprintln(a.stdout, "it speaks no dialect that tells of calls between services")
	}
	for _, p := range r.Problems {
		fmt.Fprintln(a.stdout, "problem:", cmp.Or(printable(p), "-"))
	}
}
