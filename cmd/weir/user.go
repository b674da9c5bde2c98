package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirmesh/weir/server/api/client"
)

// grantsAbout says how grants are written.
const grantsAbout = "a role: viewer, operator or admin; operator@shop in one mesh, operator@shop/reviews* on some of its objects; may be repeated"

// whoamiCommand shows who the server takes the caller for.
func (a *app) whoamiCommand() *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Show who the server takes you for, and what you may do",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				raw, me, err := c.Me(ctx)
				if err != nil || f != "table" {
					return a.unless(err, f, raw)
				}
				return a.table([]string{"NAME", "KIND", "MAY", "NARROWED TO"}, [][]string{{me.Name, me.Kind, strings.Join(me.Grants, ", "), strings.Join(me.Limit, ", ")}})
			})
		}),
	}
	formatFlag(cmd, &f)
	return cmd
}

// unless writes an answer as it came, unless there was an error.
func (a *app) unless(err error, f format, raw []byte) error {
	if err != nil {
		return err
	}
	return a.raw(f, raw)
}

// userCommand is what administrators do with people.
func (a *app) userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Let people in, and say what they may do",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.userListCommand(), a.userAddCommand(), a.userGrantCommand(),
		a.userVerb("disable NAME", "Keep somebody from signing in; their tokens stop counting", func(ctx context.Context, c *client.Client, name string) (client.Person, error) {
			return c.OnPerson(ctx, name, "disable")
		}),
		a.userVerb("enable NAME", "Let somebody sign in again", func(ctx context.Context, c *client.Client, name string) (client.Person, error) {
			return c.OnPerson(ctx, name, "enable")
		}),
		a.userVerb("invite NAME", "Make a link by which somebody chooses a password", func(ctx context.Context, c *client.Client, name string) (client.Person, error) {
			return c.OnPerson(ctx, name, "invite")
		}),
		a.userVerb("remove NAME", "Forget somebody; their sessions and tokens end", func(ctx context.Context, c *client.Client, name string) (client.Person, error) {
			return c.RemovePerson(ctx, name)
		}),
	)
	return cmd
}

func (a *app) userListCommand() *cobra.Command {
	var f format
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List who may sign in",
		Args:  cobra.NoArgs,
		RunE: does(func(ctx context.Context, _ []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				raw, list, err := c.People(ctx)
				if err != nil || f != "table" {
					return a.unless(err, f, raw)
				}
				now := time.Now()
				rows := make([][]string, len(list))
				for i, p := range list {
					rows[i] = []string{p.Name, strings.Join(p.Grants, ", "), standing(p), since(p.Seen, now)}
				}
				return a.table([]string{"NAME", "MAY", "STATE", "SEEN"}, rows)
			})
		}),
	}
	formatFlag(cmd, &f)
	return cmd
}

func (a *app) userAddCommand() *cobra.Command {
	var grants []string
	cmd := &cobra.Command{
		Use:     "add NAME",
		Short:   "Let somebody in: they choose a password by a link, once, within a day",
		Example: "  weir user add kim --grant operator@shop",
		Args:    cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				p, err := c.AddPerson(ctx, args[0], grants)
				if err != nil {
					return err
				}
				a.sayPerson(c, "add", p)
				return nil
			})
		}),
	}
	cmd.Flags().StringArrayVar(&grants, "grant", nil, grantsAbout)
	return cmd
}

func (a *app) userGrantCommand() *cobra.Command {
	var grants []string
	cmd := &cobra.Command{
		Use:     "grant NAME",
		Short:   "Say what somebody may do from now on, all of it",
		Example: "  weir user grant kim --grant viewer --grant operator@shop/reviews*\n  weir user grant kim --nothing",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringArrayVar(&grants, "grant", nil, grantsAbout)
	nothing := cmd.Flags().Bool("nothing", false, "they may do nothing any more")
	cmd.RunE = does(func(ctx context.Context, args []string) error {
		if (len(grants) == 0) != *nothing {
			return misuse("say what %s may do with --grant, or --nothing", args[0])
		}
		return a.with(ctx, func(ctx context.Context, c *client.Client) error {
			p, err := c.GrantPerson(ctx, args[0], append([]string{}, grants...))
			if err != nil {
				return err
			}
			a.sayPerson(c, "grant", p)
			return nil
		})
	})
	return cmd
}

// userVerb is a command that does one thing to somebody.
func (a *app) userVerb(use, short string, do func(ctx context.Context, c *client.Client, name string) (client.Person, error)) *cobra.Command {
	verb, _, _ := strings.Cut(use, " ")
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(1),
		RunE: does(func(ctx context.Context, args []string) error {
			return a.with(ctx, func(ctx context.Context, c *client.Client) error {
				p, err := do(ctx, c, args[0])
				if err != nil {
					return err
				}
				a.sayPerson(c, verb, p)
				return nil
			})
		}),
	}
}

// sayPerson writes what became of somebody.
func (a *app) sayPerson(c *client.Client, verb string, p client.Person) {
	switch {
	case verb == "remove":
		fmt.Fprintf(a.stdout, "%s is removed.\n", printable(p.Name))
	case p.Invite != nil:
		fmt.Fprintf(a.stdout, "%s chooses a password at %s%s, once, until %s.\n",
			printable(p.Name), strings.TrimSuffix(c.URL(), "/"), p.Invite.Path, p.Invite.Expires.UTC().Format(time.RFC3339))
	default:
		may := strings.Join(p.Grants, ", ")
		if may == "" {
			may = "nothing"
		}
		fmt.Fprintf(a.stdout, "%s is %s and may: %s.\n", printable(p.Name), standing(p), printable(may))
	}
}

// standing is whether somebody may sign in.
func standing(p client.Person) string {
	switch {
	case p.Disabled:
		return "disabled"
	case p.Invited:
		return "invited"
	}
	return "enabled"
}

// since is how long ago a moment was; empty for one that never was.
func since(t *time.Time, now time.Time) string {
	if t == nil {
		return ""
	}
	return ago(*t, now)
}
