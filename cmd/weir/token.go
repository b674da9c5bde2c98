package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/mesh"
)

// secrets are API tokens and access keys, which differ in what they are called.
type secrets struct{ kind, use, one, short string }

// tokenCommand is what people do with their API tokens.
func (a *app) tokenCommand() *cobra.Command {
	return a.secretsCommand(secrets{"api", "token", "token", "Make, list and revoke your API tokens"})
}

// keyCommand is what people do with their App Mesh access keys.
func (a *app) keyCommand() *cobra.Command {
	return a.secretsCommand(secrets{"key", "key", "access key", "Make, list and revoke your App Mesh access keys"})
}

func (a *app) secretsCommand(s secrets) *cobra.Command {
	cmd := &cobra.Command{
		Use: s.use, Short: s.short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.secretsListCommand(s), a.secretsMintCommand(s), &cobra.Command{
		Use: "revoke ID", Short: "Revoke one: it counts no more from the next request on", Args: cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				if err := c.RevokeToken(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, "%s is revoked.\n", printable(args[0]))
				return nil
			})
		}),
	})
	return cmd
}

func (a *app) secretsListCommand(s secrets) *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use: "list", Short: "List yours, newest first", Args: cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				raw, list, err := c.Tokens(ctx)
				if err != nil || f != "table" {
					return a.unless(err, f, raw)
				}
				now := time.Now()
				var rows [][]string
				for _, t := range list {
					if t.Kind != s.kind {
						continue
					}
					state := "good"
					switch {
					case t.Revoked != nil:
						state = "revoked"
					case t.Expires != nil && now.After(*t.Expires):
						state = "expired"
					}
					expires := ""
					if t.Expires != nil {
						expires = t.Expires.UTC().Format(time.DateOnly)
					}
					rows = append(rows, []string{t.ID, t.Name, strings.Join(t.Grants, ", "), state, expires, since(t.Used, now)})
				}
				return a.table([]string{"ID", "NAME", "MAY", "STATE", "EXPIRES", "USED"}, rows)
			})
		}),
	}
	formatFlag(cmd, &f)
	return cmd
}

func (a *app) secretsMintCommand(s secrets) *cobra.Command {
	var grants []string
	var days int
	var who, file string
	cmd := &cobra.Command{
		Use:   "mint NAME",
		Short: "Make one; its secret is written to standard output, once",
		Long: "NAME says what it is for. It may do no more than you may, and stops counting when you may no more. A token makes no\n" +
			"tokens: you are asked for your password, or it is the first line of --password-file (- is standard input).",
		Example: "  weir " + s.use + " mint ci --as ann --grant operator@shop --days 30",
		Args:    cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			if len(grants) == 0 {
				return misuse("say what the %s may do with --grant, as in --grant operator@shop", s.one)
			}
			if days < 0 || days > 366 {
				return misuse("--days %d: from 1 to 365", days)
			}
			if who == "" {
				return misuse("say who you are with --as NAME: a token makes no tokens")
			}
			password, err := a.password(who, file)
			if err != nil {
				return err
			}
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				var t client.Token
				err := c.SignedIn(ctx, who, password, func(c *client.Client) (err error) {
					t, err = c.MintToken(ctx, client.TokenWish{Kind: s.kind, Name: args[0], Grants: grants, For: mesh.Duration(time.Duration(days) * 24 * time.Hour)})
					return err
				})
				if err != nil {
					return err
				}
				fmt.Fprintf(a.stderr, "This is shown once; the %s %s is good until %s.\n", s.one, t.ID, t.Expires.UTC().Format(time.DateOnly))
				if s.kind == "key" {
					fmt.Fprintf(a.stdout, "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\n", t.ID, t.Secret)
					return nil
				}
				fmt.Fprintln(a.stdout, t.Secret)
				return nil
			})
		}),
	}
	cmd.Flags().StringArrayVar(&grants, "grant", nil, grantsAbout)
	cmd.Flags().IntVar(&days, "days", 90, "how long it is good")
	cmd.Flags().StringVar(&who, "as", "", "your name on this Weir")
	cmd.Flags().StringVar(&file, "password-file", "", "a file whose first line is your password; - is standard input")
	return cmd
}

// password asks for somebody's password, or reads it from a file.
func (a *app) password(who, file string) (string, error) {
	terminal, isFile := a.stdin.(*os.File)
	switch {
	case file == "" && isFile && term.IsTerminal(int(terminal.Fd())): //nolint:gosec // a file descriptor is small
		fmt.Fprintf(a.stderr, "Password of %s: ", printable(who))
		typed, err := term.ReadPassword(int(terminal.Fd())) //nolint:gosec // as above
		fmt.Fprintln(a.stderr)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return string(typed), nil
	case file == "":
		return "", misuse("there is no terminal to ask for a password on: give --password-file FILE, or - for standard input")
	}
	from := a.stdin
	if file != "-" {
		opened, err := os.Open(file) //nolint:gosec // the user's own file
		if err != nil {
			return "", misuse("--password-file: %w", err)
		}
		defer opened.Close()
		from = opened
	}
	line, err := bufio.NewReader(io.LimitReader(from, 4<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", misuse("--password-file %s: its first line is empty", file)
	}
	return line, nil
}
